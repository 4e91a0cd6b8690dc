"""Messages of Evolution's own channel, which has the members of a content in `message` itself."""

from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.gateways.registry import translate
from tests.unit.gateways.samples import LINE, describe_outcomes

URL = "https://s3.example.com/a.png"


def build_message(kind: str, content: dict[str, Any], **members: Any) -> dict[str, Any]:
    key = {"remoteJid": "5511990000001@s.whatsapp.net", "fromMe": False, "id": "6f1d2c"}
    message = {"key": key, "messageType": kind, "message": content, "messageTimestamp": 1790000000}
    return message | members


def translate_one(message: Any, event: str = "messages.upsert") -> MessageReceived:
    (received,) = translate("evolution", {"event": event, "data": message}, LINE).events
    assert isinstance(received, MessageReceived)
    return received


@pytest.mark.parametrize(
    ("kind", "more", "media_type", "body"),
    [
        ("imageMessage", {"caption": "A loja"}, "image", "A loja"),
        ("videoMessage", {}, "video", ""),
        ("audioMessage", {}, "audio", ""),
        (
            "documentMessage",
            {"fileName": "a.pdf", "mimetype": "application/pdf"},
            "application",
            "a.pdf",
        ),
        ("stickerMessage", {"mimetype": "image/webp"}, "stickerMessage", ""),
        ("ptvMessage", {}, "video", ""),
    ],
)
@pytest.mark.parametrize("event", ["messages.upsert", "send.message"])
def test_a_file_has_the_media_type_and_the_address_of_its_message(
    event: str, kind: str, more: dict[str, Any], media_type: str, body: str
) -> None:
    received = translate_one(build_message(kind, {"mediaUrl": URL, **more}), event)
    assert (received.media_type, received.body, received.media_url) == (media_type, body, URL)


def test_a_sent_file_that_was_not_stored_is_still_a_message() -> None:
    received = translate_one(build_message("imageMessage", {"mediaUrl": None, "quoted": None}))
    assert (received.media_type, received.media_url) == ("image", None)


@pytest.mark.parametrize("content", [{"mediaUrl": URL}, {"conversation": "Oi"}])
def test_the_quoted_message_is_known(content: dict[str, Any]) -> None:
    kind = "imageMessage" if "mediaUrl" in content else "conversation"
    quoted = {"remoteJid": "5511990000001@s.whatsapp.net", "id": "3EB0A1"}
    received = translate_one(build_message(kind, {**content, "quoted": quoted}))
    assert received.quoted_wid == "3EB0A1"


def test_a_list_shows_its_text_and_its_rows() -> None:
    rows = [{"title": "Sopa", "rowId": "1"}, {"title": "Bolo"}]
    content = {"title": "Cardápio", "description": "Escolha", "sections": [{"rows": rows}]}
    received = translate_one(build_message("listMessage", content))
    assert (received.media_type, received.body) == (
        "listMessage",
        "Cardápio\nEscolha\nSopa\nBolo",
    )


@pytest.mark.parametrize("kind", ["buttonMessage", "buttonsMessage"])
@pytest.mark.parametrize(
    "texts",
    [
        {"title": "Entrega", "description": "Confirma?", "footer": "Loja"},
        {"title": "Entrega", "body": "Confirma?", "footer": "Loja"},
        {"text": "Entrega", "contentText": "Confirma?", "footerText": "Loja"},
    ],
)
def test_buttons_show_their_text_and_their_labels(kind: str, texts: dict[str, Any]) -> None:
    reply = {"type": "reply", "displayText": "Sim", "id": "1"}
    buttons = [reply, {"buttonId": "2", "buttonText": {"displayText": "Não"}}, 7]
    received = translate_one(build_message(kind, {**texts, "buttons": buttons}))
    assert received.media_type == "buttonsMessage"
    assert received.body == "Entrega\nConfirma?\nLoja\nSim\nNão"


@pytest.mark.parametrize("kind", ["conversation", "text", "textMessage", None])
@pytest.mark.parametrize("name", ["text", "body", "content"])
def test_a_text_is_read_from_the_member_that_has_it(kind: Any, name: str) -> None:
    received = translate_one(build_message(kind, {name: "Oi", "quoted": {"id": "3EB0A1"}}))
    assert (received.media_type, received.body) == ("conversation", "Oi")
    assert received.quoted_wid == "3EB0A1"


@pytest.mark.parametrize(
    ("kind", "content", "body"),
    [
        ("extendedTextMessage", {"text": "Oi"}, "Oi"),
        ("locationMessage", {"name": "Loja", "address": "Rua A", "latitude": 1}, "Loja\nRua A"),
        ("locationMessage", {"latitude": -23.5, "longitude": -46.25}, "-23.5, -46.25"),
        (
            "locationMessage",
            {"degreesLatitude": -23.5, "degreesLongitude": -46.25},
            "-23.5, -46.25",
        ),
        ("liveLocationMessage", {"latitude": -23.5, "longitude": -46.25}, "-23.5, -46.25"),
        (
            "contactMessage",
            {"displayName": "Ana", "vcard": "TEL:+5511990000001"},
            "Ana: +5511990000001",
        ),
        ("listResponseMessage", {"title": "Sopa"}, "Sopa"),
    ],
)
def test_any_other_known_content_is_read_without_its_own_member(
    kind: str, content: dict[str, Any], body: str
) -> None:
    received = translate_one(build_message(kind, content))
    assert (received.media_type, received.body) == (kind, body)


def test_the_messages_of_a_batch_are_all_read() -> None:
    message = build_message("imageMessage", {"mediaUrl": URL})
    batches: list[Any] = [[message, message], {"messages": [message, message]}]
    for batch in batches:
        translation = translate("evolution", {"event": "messages.upsert", "data": batch}, LINE)
        assert describe_outcomes(translation) == ["message.received image"] * 2


def test_a_message_in_the_form_of_baileys_stays_as_it_is() -> None:
    inner = {"message": {"imageMessage": {"caption": "A loja"}}}
    content = {"viewOnceMessageV2": inner, "mediaUrl": URL}
    received = translate_one(build_message("imageMessage", content))
    assert (received.body, received.media_url) == ("A loja", URL)


@pytest.mark.parametrize("content", [None, "x", [], {}, {"title": 7, "buttons": 7}])
@pytest.mark.parametrize(
    "kind",
    [
        *("imageMessage", "stickerMessage", "locationMessage", "extendedTextMessage"),
        *("conversation", "listMessage", "buttonMessage", "buttonsMessage", "x", None, 7),
    ],
)
def test_a_message_without_a_content_cannot_be_shown(kind: Any, content: Any) -> None:
    data = build_message(kind, content)
    translation = translate("evolution", {"event": "messages.upsert", "data": data}, LINE)
    assert describe_outcomes(translation) == ["message.received unsupported"]
