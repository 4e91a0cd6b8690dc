import pytest
from pydantic import JsonValue

from shared.contracts.connection import ConnectionUpdated
from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.normalize.outcome import Translation
from tests.unit.gateways.samples import LINE, describe_outcomes

ANA, OURS = "5511990000001@s.whatsapp.net", "5511990000009@s.whatsapp.net"
GROUP = "120363000000000777@g.us"


def translate(event: str, data: JsonValue) -> Translation:
    return registry.translate("baileys", {"event": event, "data": data}, LINE)


def build_text(chat: str) -> JsonValue:
    return {
        "key": {"remoteJid": chat, "fromMe": False, "id": "A1"},
        "message": {"conversation": "Oi"},
    }


def test_our_own_unanswered_call_is_ignored() -> None:
    call: JsonValue = {"chatId": ANA, "from": OURS, "id": "C1", "status": "terminate"}
    assert describe_outcomes(translate("call", call)) == ["ignored: own-call"]


@pytest.mark.parametrize("caller", [ANA, "5511990000001:4@s.whatsapp.net", "90000000000042@lid"])
def test_a_call_is_missed_from_whichever_address_of_the_caller(caller: str) -> None:
    call: JsonValue = {"chatId": ANA, "from": caller, "id": "C1", "status": "timeout"}
    assert describe_outcomes(translate("call", call)) == ["message.received call_log"]


def test_a_missed_call_with_a_group_as_chat_belongs_to_the_group() -> None:
    call: JsonValue = {
        "chatId": GROUP,
        "from": ANA,
        "isGroup": True,
        "id": "C1",
        "status": "timeout",
    }
    (event,) = translate("call", call).events
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.participant) == ("120363000000000777", "5511990000001")


def test_events_posted_together_are_each_read() -> None:
    together: JsonValue = {
        "messages.upsert": {"messages": [build_text(ANA)], "type": "notify"},
        "presence.update": {"id": ANA},
        "sessionId": "loja",
    }
    translation = registry.translate("baileys", together, LINE)
    assert describe_outcomes(translation) == [
        "message.received conversation",
        "ignored: presence-update",
    ]


@pytest.mark.parametrize("chat", ["0@s.whatsapp.net", "0@c.us"])
def test_messages_of_whatsapp_itself_are_ignored(chat: str) -> None:
    translation = translate("messages.upsert", {"messages": [build_text(chat)]})
    assert describe_outcomes(translation) == ["ignored: unsupported-chat"]


def test_a_receipt_without_a_time_is_ignored() -> None:
    zero: JsonValue = {"low": 0, "high": 0, "unsigned": True}
    receipt: JsonValue = {
        "key": {"remoteJid": GROUP, "fromMe": True, "id": "A1"},
        "receipt": {"userJid": ANA, "receiptTimestamp": zero},
    }
    translation = translate("message-receipt.update", [receipt])
    assert describe_outcomes(translation) == ["ignored: receipt-of-nothing"]


def test_a_qr_code_is_reported_while_the_line_is_connecting() -> None:
    translation = translate(
        "connection.update", {"connection": "connecting", "qrDataUrl": "data:x"}
    )
    assert describe_outcomes(translation) == ["connection.updated qrcode"]


def test_an_error_of_a_bridge_disconnects_the_line_with_its_reason() -> None:
    (event,) = translate("connection.update", {"error": "wrong_phone_number", "epoch": 3}).events
    assert isinstance(event, ConnectionUpdated)
    assert (event.status, event.reason) == ("DISCONNECTED", "wrong_phone_number")


def test_the_history_of_a_line_is_ignored() -> None:
    past: JsonValue = {"event": "messages.upsert", "data": build_text(ANA), "importMode": True}
    assert describe_outcomes(registry.translate("baileys", past, LINE)) == ["ignored: history"]


def test_activity_in_groups_is_ignored_as_a_group_update() -> None:
    translation = translate("groups.activity", [{"jid": GROUP, "unreadCount": 1}])
    assert describe_outcomes(translation) == ["ignored: group-update"]


KEY: JsonValue = {"remoteJid": ANA, "fromMe": True, "id": "A1"}


@pytest.mark.parametrize(
    ("event", "data", "outcome"),
    [
        (
            "messages.update",
            {"messages": {"key": KEY, "message": {"conversation": "Oi"}, "status": 4}},
            "message.acked 3",
        ),
        (
            "messages.update",
            {
                "messages": {
                    "key": KEY,
                    "message": {"editedMessage": {"message": {"conversation": "x"}}},
                }
            },
            "message.edited",
        ),
        (
            "messages.update",
            {"messages": [{"key": KEY, "message": None, "messageStubType": 1}]},
            "message.deleted",
        ),
        (
            "message-receipt.update",
            {"message": {"key": KEY, "receipt": {"userJid": ANA, "readTimestamp": 1790000000}}},
            "message.acked 3",
        ),
        (
            "messages.reaction",
            {"message": {"key": KEY, "reaction": {"key": {"remoteJid": ANA}, "text": "👍"}}},
            "message.reacted 👍",
        ),
        ("messages.delete", {"message": {"keys": [KEY]}}, "ignored: deleted-for-us"),
        (
            "contacts.upsert",
            {"contacts": [{"id": ANA, "lid": "90000000000042@lid"}]},
            "contact.link",
        ),
        ("connection.update", {"status": "wait_for_qrcode_auth"}, "connection.updated qrcode"),
        ("connection.update", {"status": "disconected"}, "connection.updated DISCONNECTED"),
        ("qrcode.updated", {"qr": "data:image/png;base64,x"}, "connection.updated qrcode"),
    ],
)
def test_the_wrapper_of_a_bridge_is_removed(event: str, data: JsonValue, outcome: str) -> None:
    assert describe_outcomes(translate(event, data)) == [outcome]


def test_an_error_of_the_bridge_is_ignored_not_unreadable() -> None:
    trouble: JsonValue = {"event": "messages.upsert", "status": "error", "message": "no database"}
    assert describe_outcomes(registry.translate("baileys", trouble, LINE)) == [
        "ignored: gateway-error"
    ]
