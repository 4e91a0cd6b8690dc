"""Names and MIME types of files, and ids of chosen buttons and rows, as each gateway has them."""

import json

import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways.normalize.file_and_choice import FileAndChoice
from shared.gateways.proto_message.file_and_choice import read_file_and_choice
from shared.gateways.registry import GATEWAYS, translate
from shared.gateways.whatsapp_web.file_and_choice import read_web_file_and_choice
from tests.unit.gateways import samples

FILES: dict[tuple[str, str], list[tuple[str | None, str | None]]] = {
    ("cloud-api", "media_of_every_kind"): [
        (None, "image/jpeg"),
        (None, "video/mp4"),
        (None, "audio/ogg; codecs=opus"),
        ("nota.pdf", "application/pdf"),
        ("lista.txt", "text/plain"),
        (None, "image/webp"),
    ],
    ("evolution", "cloud_line_document"): [("contrato.pdf", "application/pdf")],
    ("evolution", "document_with_caption"): [("pedidos.csv", "text/csv")],
    ("evolution-go", "image_in_group"): [(None, "image/jpeg")],
    ("baileys", "other_contents"): [(None, "image/webp"), (None, "video/mp4")],
    ("waha", "noweb_document_with_caption"): [("contrato.pdf", "application/pdf")],
    ("waha", "webjs_voice_in_group_from_lid"): [(None, "audio/ogg; codecs=opus")],
    ("whatsapp-web-js", "document_with_file_name_alone"): [("contrato.pdf", "application/pdf")],
    ("whatsapp-web-js", "wwebjs_api_media_with_its_bytes"): [(None, "image/jpeg")],
    ("wppconnect", "document_in_s3"): [("contrato.pdf", "application/pdf")],
}
CHOICES: dict[tuple[str, str], list[str]] = {
    ("cloud-api", "choices"): ["b-1", "l-1", "b-1"],
    ("evolution-go", "button_reply"): ["sim"],
    ("baileys", "interactive_contents"): ["r1", "sim", "0", "m1"],
    ("waha", "gows_button_reply"): ["1"],
    ("waha", "noweb_list_reply_of_a_lid_with_number"): ["2"],
    ("waha", "webjs_button_reply_of_a_template"): ["1"],
    ("whatsapp-web-js", "button_replies"): ["1"],
    ("whatsapp-web-js", "list_reply"): ["2"],
}


def list_messages(gateway: str, name: str) -> list[MessageReceived]:
    translation = translate(gateway, samples.load_own(gateway)[name]["payload"], samples.LINE)
    return [event for event in translation.events if isinstance(event, MessageReceived)]


@pytest.mark.parametrize(("gateway", "name"), FILES)
def test_a_file_has_its_name_and_mime_type(gateway: str, name: str) -> None:
    found = [(m.file_name, m.mime_type) for m in list_messages(gateway, name)]
    assert [pair for pair in found if any(pair)] == FILES[gateway, name]


@pytest.mark.parametrize(("gateway", "name"), CHOICES)
def test_a_chosen_button_or_row_has_its_id(gateway: str, name: str) -> None:
    found = [message.choice_id for message in list_messages(gateway, name)]
    assert [choice for choice in found if choice] == CHOICES[gateway, name]


def test_every_gateway_has_a_sample_with_a_file() -> None:
    assert {gateway for gateway, _ in FILES} == set(GATEWAYS)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_text_has_neither_file_nor_choice(gateway: str) -> None:
    texts = [
        message
        for name in samples.load_own(gateway)
        for message in list_messages(gateway, name)
        if message.media_type in {"conversation", "extendedTextMessage"}
    ]
    assert texts
    for message in texts:
        assert (message.file_name, message.mime_type, message.choice_id) == (None, None, None)


def choose_natively(name: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    flow: dict[str, JsonValue] = {"name": name, "paramsJson": json.dumps(parameters)}
    return {"nativeFlowResponseMessage": flow}


@pytest.mark.parametrize(
    ("kind", "content", "found"),
    [
        (
            "documentMessage",
            {"fileName": " nf.pdf ", "mimetype": "application/pdf", "selectedId": "no"},
            FileAndChoice("nf.pdf", "application/pdf"),
        ),
        ("ptvMessage", {"mimetype": "video/mp4"}, FileAndChoice(mime_type="video/mp4")),
        (
            "listResponseMessage",
            {"title": "Sim", "singleSelectReply": {"selectedRowId": "row-1"}},
            FileAndChoice(choice_id="row-1"),
        ),
        ("listResponseMessage", {"title": "Sim"}, FileAndChoice()),
        (
            "interactiveResponseMessage",
            choose_natively("quick_reply", id="b2"),
            FileAndChoice(choice_id="b2"),
        ),
        ("interactiveResponseMessage", choose_natively("galaxy_message", id="7"), FileAndChoice()),
        ("extendedTextMessage", {"text": "a", "mimetype": "x/y"}, FileAndChoice()),
    ],
)
def test_a_content_of_the_protobuf_form_is_read_by_its_name(
    kind: str, content: dict[str, JsonValue], found: FileAndChoice
) -> None:
    assert read_file_and_choice(kind, content) == found


@pytest.mark.parametrize(
    ("media_type", "message", "found"),
    [
        (
            "application",
            {"media": {"filename": "nf.pdf", "mimetype": "application/pdf"}},
            FileAndChoice("nf.pdf", "application/pdf"),
        ),
        (
            "listResponseMessage",
            {"listResponse": {"singleSelectReply": {"selectedRowId": "r"}}},
            FileAndChoice(choice_id="r"),
        ),
        ("templateButtonReplyMessage", {"selectedId": "t"}, FileAndChoice(choice_id="t")),
        (
            "interactiveResponseMessage",
            {"interactivePayload": {"name": "quick_reply", "paramsJson": '{"id": "q"}'}},
            FileAndChoice(choice_id="q"),
        ),
        ("conversation", {"filename": "a.pdf", "selectedButtonId": "x"}, FileAndChoice()),
    ],
)
def test_a_content_of_whatsapp_web_is_read_by_its_media_type(
    media_type: str, message: dict[str, JsonValue], found: FileAndChoice
) -> None:
    assert read_web_file_and_choice(media_type, message) == found


def test_an_id_that_is_longer_than_its_member_is_left_out() -> None:
    assert FileAndChoice(choice_id="x" * 256).members["choice_id"] is None
    assert FileAndChoice(choice_id="x" * 255).members["choice_id"] == "x" * 255
