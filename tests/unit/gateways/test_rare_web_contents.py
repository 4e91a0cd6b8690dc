"""Invitations, payments, sticker packs and comments in the form of WhatsApp Web."""

import pytest

from shared.contracts.message import MessageReceived
from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import translate
from tests.unit.gateways.samples import LINE

CHAT = "5511990000001@c.us"
INVITE_V4: JsonObject = {"groupName": "Clientes", "inviteCode": "AbCdEf"}
BEGINS = 1790000000


@pytest.mark.parametrize(
    ("message", "media_type", "body"),
    [
        (
            {"type": "groups_v4_invite", "inviteV4": INVITE_V4, "body": "Entre"},
            "groupInviteMessage",
            "Clientes\nEntre",
        ),
        (
            {"type": "groups_v4_invite", "inviteGrpName": "Clientes", "comment": "Entre"},
            "groupInviteMessage",
            "Clientes\nEntre",
        ),
        ({"type": "groups_v4_invite"}, "unsupported", ""),
        ({"type": "payment", "paymentNoteMsg": {"body": "Paguei"}}, "sendPaymentMessage", "Paguei"),
        ({"type": "payment", "paymentNote": "Paguei"}, "sendPaymentMessage", "Paguei"),
        (
            {
                "type": "payment",
                "subtype": "request",
                "paymentNote": "Boleto",
                "paymentAmount1000": 25500,
                "paymentCurrency": "BRL",
            },
            "requestPaymentMessage",
            "Boleto\nBRL 25.50",
        ),
        ({"type": "payment", "paymentAmount1000": 25500}, "unsupported", ""),
        (
            {"type": "sticker_pack", "stickerPackName": "Gatos", "stickerPackPublisher": "Ana"},
            "stickerPackMessage",
            "Gatos\nAna",
        ),
        ({"type": "sticker-pack", "name": "Gatos"}, "stickerPackMessage", "Gatos"),
        ({"type": "comment", "body": "Que bom"}, "conversation", "Que bom"),
        ({"type": "comment"}, "undecryptable", ""),
        (
            {"type": "newsletter_admin_invite", "newsletterName": "Loja", "inviteMessage": "Ajude"},
            "newsletterAdminInviteMessage",
            "Loja\nAjude",
        ),
        (
            {"type": "newsletter_follower_invite", "newsletterName": "Loja"},
            "newsletterFollowerInviteMessageV2",
            "Loja",
        ),
        (
            {"type": "sharable_event_invite", "eventTitle": "Visita", "eventStartTime": BEGINS},
            "eventInviteMessage",
            "Visita\n2026-09-21 14:13 UTC",
        ),
        (
            {"type": "scheduled_call", "title": "Visita", "scheduledTimestampMs": BEGINS * 1000},
            "scheduledCallCreationMessage",
            "Visita\n2026-09-21 14:13 UTC",
        ),
    ],
)
@pytest.mark.parametrize("gateway", ["whatsapp-web-js", "wppconnect", "waha"])
def test_a_rare_content_becomes_the_same_message_as_from_baileys(
    gateway: str, message: JsonObject, media_type: str, body: str
) -> None:
    whole: JsonObject = {"id": f"false_{CHAT}_A1", "from": CHAT, "fromMe": False, **message}
    outer: JsonObject = {"id": whole["id"], "from": CHAT, "_data": message}
    payloads: dict[str, JsonObject] = {
        "whatsapp-web-js": {"event": "message", "data": whole},
        "wppconnect": {"event": "onmessage", **whole},
        "waha": {"event": "message", "payload": outer},
    }
    (event,) = translate(gateway, payloads[gateway], LINE).events
    assert isinstance(event, MessageReceived)
    assert (event.media_type, event.body) == (media_type, body)


def test_a_comment_quotes_the_message_that_it_is_about() -> None:
    key: JsonObject = {"_serialized": f"true_{CHAT}_T1"}
    message: JsonObject = {"id": f"false_{CHAT}_A1", "from": CHAT, "type": "comment"}
    payload: JsonObject = {**message, "body": "Que bom", "commentParentKey": key}
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert isinstance(event, MessageReceived)
    assert event.quoted_wid == "T1"


@pytest.mark.parametrize(
    ("gateway", "payload"),
    [
        ("whatsapp-web-js", {"id": f"false_{CHAT}_A1", "from": CHAT, "notifyName": "\u200b"}),
        ("whatsapp-web-js", {"id": f"false_{CHAT}_A1", "from": CHAT, "notifyName": 55119}),
        ("wppconnect", {"event": "onmessage", "id": f"false_{CHAT}_A1", "from": CHAT,
                        "notifyName": "+55 11 99000-0001"}),
        ("baileys", {"event": "messages.upsert", "data": {
            "key": {"remoteJid": CHAT, "id": "A1"}, "pushName": "\u3164"}}),
        ("evolution", {"event": "messages.upsert", "instance": "x", "data": {
            "key": {"remoteJid": CHAT, "id": "A1"}, "pushName": "5511888880000"}}),
        ("cloud-api", {"messages": [{"id": "A1", "from": "5511990000001"}], "contacts": [
            {"wa_id": "5511990000001", "profile": {"name": "\u200e "}}]}),
    ],
)  # fmt: skip
def test_a_number_or_an_invisible_text_is_no_name(gateway: str, payload: JsonObject) -> None:
    (event,) = translate(gateway, payload, LINE).events
    assert isinstance(event, MessageReceived)
    assert event.push_name is None
