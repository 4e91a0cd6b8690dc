import pytest
from pydantic import JsonValue

from shared.contracts.connection import ConnectionUpdated
from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.outcome import Translation
from tests.unit.gateways.samples import LINE, outcomes

ANA, OURS = "5511990000001@s.whatsapp.net", "5511990000009@s.whatsapp.net"
GROUP = "120363000000000777@g.us"


def translate(event: str, data: JsonValue) -> Translation:
    return registry.translate("baileys", {"event": event, "data": data}, LINE)


def text(chat: str) -> JsonValue:
    return {
        "key": {"remoteJid": chat, "fromMe": False, "id": "A1"},
        "message": {"conversation": "Oi"},
    }


def test_a_call_of_ours_that_nobody_took_is_not_from_ourselves() -> None:
    call: JsonValue = {"chatId": ANA, "from": OURS, "id": "C1", "status": "terminate"}
    assert outcomes(translate("call", call)) == ["ignored: own-call"]


@pytest.mark.parametrize("caller", [ANA, "5511990000001:4@s.whatsapp.net", "90000000000042@lid"])
def test_a_call_is_missed_from_whichever_address_of_the_caller(caller: str) -> None:
    call: JsonValue = {"chatId": ANA, "from": caller, "id": "C1", "status": "timeout"}
    assert outcomes(translate("call", call)) == ["message.received call_log"]


def test_a_missed_call_in_a_group_is_the_groups_though_only_the_chat_names_it() -> None:
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
        "messages.upsert": {"messages": [text(ANA)], "type": "notify"},
        "presence.update": {"id": ANA},
        "sessionId": "loja",
    }
    translation = registry.translate("baileys", together, LINE)
    assert outcomes(translation) == ["message.received conversation", "ignored: presence-update"]


@pytest.mark.parametrize("chat", ["0@s.whatsapp.net", "0@c.us"])
def test_whatsapp_itself_is_no_customer(chat: str) -> None:
    told = translate("messages.upsert", {"messages": [text(chat)]})
    assert outcomes(told) == ["ignored: unsupported-chat"]


def test_a_receipt_at_no_time_is_of_nothing() -> None:
    zero: JsonValue = {"low": 0, "high": 0, "unsigned": True}
    receipt: JsonValue = {
        "key": {"remoteJid": GROUP, "fromMe": True, "id": "A1"},
        "receipt": {"userJid": ANA, "receiptTimestamp": zero},
    }
    told = translate("message-receipt.update", [receipt])
    assert outcomes(told) == ["ignored: receipt-of-nothing"]


def test_a_qr_code_is_told_though_the_line_is_connecting() -> None:
    told = translate("connection.update", {"connection": "connecting", "qrDataUrl": "data:x"})
    assert outcomes(told) == ["connection.updated qrcode"]


def test_a_bridge_that_gives_up_says_why() -> None:
    (event,) = translate("connection.update", {"error": "wrong_phone_number", "epoch": 3}).events
    assert isinstance(event, ConnectionUpdated)
    assert (event.status, event.reason) == ("DISCONNECTED", "wrong_phone_number")


def test_a_lines_past_is_no_news() -> None:
    past: JsonValue = {"event": "messages.upsert", "data": text(ANA), "importMode": True}
    assert outcomes(registry.translate("baileys", past, LINE)) == ["ignored: history-set"]


def test_activity_in_groups_is_of_groups() -> None:
    told = translate("groups.activity", [{"jid": GROUP, "unreadCount": 1}])
    assert outcomes(told) == ["ignored: group-update"]


KEY: JsonValue = {"remoteJid": ANA, "fromMe": True, "id": "A1"}


@pytest.mark.parametrize(
    ("event", "data", "said"),
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
def test_what_a_bridge_puts_around_an_event_is_opened(
    event: str, data: JsonValue, said: str
) -> None:
    assert outcomes(translate(event, data)) == [said]


def test_a_bridges_own_trouble_is_no_broken_message() -> None:
    trouble: JsonValue = {"event": "messages.upsert", "status": "error", "message": "no database"}
    assert outcomes(registry.translate("baileys", trouble, LINE)) == ["ignored: gateway-error"]
