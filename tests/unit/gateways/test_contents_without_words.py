"""A content of which nothing can be shown is a placeholder, never a message without words."""

from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.gateways.cloud_api.content import KINDS
from shared.gateways.proto_message.content import WRAPPERS
from shared.gateways.proto_message.visible_content import VISIBLE_KINDS
from shared.gateways.registry import translate
from shared.gateways.whatsapp_web.content import VISIBLE_TYPES
from tests.laws.gateway_messages import FORMS
from tests.unit.gateways.samples import LINE, describe_outcomes

PROTO = ("baileys", "evolution", "evolution-go", "waha of GOWS")
WEB = ("waha", "whatsapp-web-js", "wppconnect")

# A file is shown as such, and a call that nobody took: they need no words.
FILES = {
    *("imageMessage", "videoMessage", "ptvMessage", "audioMessage", "documentMessage"),
    *("stickerMessage", "image", "video", "ptv", "gif", "audio", "ptt", "voice", "document"),
    *("sticker", "call_log"),
}
# A change of another message, or on the closed list
WITHOUT_ROWS = {"callLogMesssage", "reaction", "edit", "revoke", "system"}
INTERACTIVE = (
    *("button", "list", "product", "product_list", "flow", "cta_url", "catalog_message"),
    *("location_request_message", "order_details", "carousel", "native_flow", "", "hologram"),
    *("button_reply", "list_reply", "nfm_reply", "call_permission_reply"),
)
PROTO_KINDS = {
    *(VISIBLE_KINDS + WRAPPERS),
    *("pollCreationMessage", "pollCreationMessageV9", "statusMentionMessage"),
} - FILES - WITHOUT_ROWS  # fmt: skip


def receive(form: str, members: dict[str, Any]) -> MessageReceived:
    gateway, build = FORMS[form]
    (event,) = translate(gateway, build({"body": "", "text": None, **members}), LINE).events
    assert isinstance(event, MessageReceived)
    return event


def receive_proto(form: str, content: dict[str, Any]) -> MessageReceived:
    gateway, build = FORMS[form]
    payload = build(content)
    if "payload" in payload:  # WAHA's own text would be shown
        payload["payload"]["body"] = ""
    (event,) = translate(gateway, payload, LINE).events
    assert isinstance(event, MessageReceived)
    return event


@pytest.mark.parametrize("form", PROTO)
@pytest.mark.parametrize("kind", sorted(PROTO_KINDS))
def test_a_proto_content_without_words_is_a_placeholder(form: str, kind: str) -> None:
    contents: list[Any] = [{}, {"x": {"y": 7}}, {"title": " ", "text": "", "body": {}}]
    for content in contents:
        event = receive_proto(form, {kind: content})
        assert event.body == ""
        assert event.media_type in {"unsupported", "view_once"}


@pytest.mark.parametrize("form", PROTO)
@pytest.mark.parametrize(
    "content",
    [
        {"interactiveMessage": {"nativeFlowMessage": {"buttons": [7]}}},
        {"interactiveMessage": {"carouselMessage": {"cards": [{}]}}},
        {"orderMessage": {"orderId": "1", "token": "x", "itemCount": 0}},
        {"templateMessage": {"hydratedTemplate": {"hydratedButtons": [{}]}}},
        {"interactiveResponseMessage": {"nativeFlowResponseMessage": {"name": "flow"}}},
    ],
)
def test_an_offer_or_order_without_words_is_a_placeholder(
    form: str, content: dict[str, Any]
) -> None:
    event = receive_proto(form, content)
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("form", WEB)
@pytest.mark.parametrize("kind", [kind for kind in VISIBLE_TYPES if kind not in FILES])
def test_a_web_message_without_words_is_a_placeholder(form: str, kind: str) -> None:
    event = receive(form, {"type": kind})
    assert event.body == ""
    assert event.media_type in {"unsupported", "undecryptable"}


@pytest.mark.parametrize("form", WEB)
@pytest.mark.parametrize(
    "members",
    [
        {"type": "interactive", "nativeFlowName": "payment_info"},
        {"type": "native_flow", "interactivePayload": {"buttons": [{"name": "x"}]}},
        {"type": "order", "orderId": "1", "token": "x", "itemCount": 0},
    ],
)
def test_a_web_offer_or_order_without_words_is_a_placeholder(
    form: str, members: dict[str, Any]
) -> None:
    event = receive(form, members)
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("kind", sorted({*KINDS, "contacts"} - WITHOUT_ROWS))
def test_a_cloud_api_message_without_content_is_a_placeholder(kind: str) -> None:
    event = receive("cloud-api", {"type": kind, kind: {}})
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("kind", INTERACTIVE)
@pytest.mark.parametrize("reply", [{}, {"response_json": "{}"}, {"body": " "}])
def test_an_interactive_cloud_api_message_without_words_is_a_placeholder(
    kind: str, reply: dict[str, Any]
) -> None:
    interactive = {"type": kind, kind: reply, "action": {}}
    event = receive("cloud-api", {"type": "interactive", "interactive": interactive})
    assert (event.media_type, event.body) == ("unsupported", "")


def test_a_template_of_which_only_meta_knows_the_text_is_a_placeholder() -> None:
    template = {"name": "ola", "language": {"code": "pt_BR"}, "components": [{"type": "body"}]}
    event = receive("cloud-api", {"type": "template", "template": template})
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("form", PROTO)
@pytest.mark.parametrize(
    "listed",
    [
        {"pinInChatMessage": {"type": 1}},
        {"albumMessageV2": {}},
        {"protocolMessage": {"type": 3}},
        {"callLogMesssage": {"callOutcome": 0}},
        {"pollUpdateMessage": {"vote": {"selectedOptions": []}}},
        {"secretEncryptedMessage": {"secretEncType": 4, "encPayload": "x"}},
    ],
)
def test_what_no_person_wrote_does_not_hide_an_unknown_content(
    form: str, listed: dict[str, Any]
) -> None:
    gateway, build = FORMS[form]
    alone = describe_outcomes(translate(gateway, build(listed), LINE))
    assert alone[0].startswith("ignored: ")
    for both in ({**listed, "hologramMessage": {"x": 1}}, {"hologramMessage": {"x": 1}, **listed}):
        event = receive_proto(form, both)
        assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("form", PROTO)
def test_a_pin_does_not_hide_an_encrypted_comment(form: str) -> None:
    comment = {"targetMessageKey": {"id": "T1"}, "encPayload": "x"}
    event = receive_proto(form, {"pinInChatMessage": {}, "encCommentMessage": comment})
    assert (event.media_type, event.quoted_wid) == ("undecryptable", "T1")


@pytest.mark.parametrize("form", PROTO)
@pytest.mark.parametrize("kind", [25, "STATUS_MENTION_MESSAGE"])
@pytest.mark.parametrize("wrapper", ["", "statusMentionMessage", "groupStatusMentionMessage"])
def test_being_named_in_a_status_is_a_row(form: str, kind: int | str, wrapper: str) -> None:
    notice = {"protocolMessage": {"key": {"id": "S1"}, "type": kind}}
    event = receive_proto(form, {wrapper: {"message": notice}} if wrapper else notice)
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("form", WEB)
@pytest.mark.parametrize("kind", ["protocol", "Protocol"])
@pytest.mark.parametrize("subtype", ["status_mention_message", "status_group_mention_message"])
def test_being_named_in_a_status_is_a_row_of_whatsapp_web_too(
    form: str, kind: str, subtype: str
) -> None:
    event = receive(form, {"type": kind, "subtype": subtype})
    assert (event.media_type, event.body) == ("unsupported", "")


@pytest.mark.parametrize("form", WEB)
@pytest.mark.parametrize("kind", ["protocol", "Protocol", " PROTOCOL"])
@pytest.mark.parametrize(
    ("subtype", "outcome"),
    [
        ("message_edit", "message.edited"),
        ("Message_Edit", "message.edited"),
        ("sender_revoke", "message.deleted"),
        ("ephemeral_setting", "ignored: protocol-message"),
    ],
)
def test_the_case_of_a_type_and_subtype_does_not_matter(
    form: str, kind: str, subtype: str, outcome: str
) -> None:
    key = {"_serialized": "false_5511990000001@c.us_T1"}
    change = {"type": kind, "subtype": subtype, "protocolMessageKey": key, "body": "Novo"}
    gateway, build = FORMS[form]
    payload = build({"_data": change} if form == "waha" else change)
    assert describe_outcomes(translate(gateway, payload, LINE)) == [outcome]
