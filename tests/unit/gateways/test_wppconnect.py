import pytest

from shared.gateways import registry
from shared.gateways.reading import JsonObject
from shared.gateways.wweb_ids import MessageId, jid, message_id
from tests.unit.gateways.samples import LINE, outcomes

CHAT = "5511990000001@c.us"


@pytest.mark.parametrize(
    "value",
    [
        f"true_{CHAT}_A1",
        {"fromMe": True, "remote": CHAT, "id": "A1"},
        {"fromMe": True, "remote": {"server": "c.us", "user": "5511990000001"}, "id": "A1"},
        {"_serialized": f"true_{CHAT}_A1"},
        {"$1": f"true_{CHAT}_A1"},
    ],
)
def test_an_id_is_text_or_an_object(value: str | JsonObject) -> None:
    assert message_id(value) == MessageId("A1", CHAT, from_me=True)


def test_an_address_is_text_or_an_object() -> None:
    assert jid(CHAT) == jid({"_serialized": CHAT}) == jid({"server": "c.us", "user": CHAT[:13]})
    assert jid(None) == jid(7) == jid({}) == ""


@pytest.mark.parametrize("event", ["onmessage", "onanymessage", "onselfmessage", "unreadmessages"])
def test_a_message_has_one_id_whichever_event_tells_it(event: str) -> None:
    payload: JsonObject = {"event": event, "id": f"true_{CHAT}_A1", "type": "chat", "body": "oi"}
    (told,) = registry.translate("wppconnect", payload, LINE).events
    assert told.model_dump().items() >= {"wid": "A1", "from_me": True, "push_name": None}.items()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("inChat", "connection.updated CONNECTED"),
        ("isLogged", "connection.updated OPENING"),
        ("notLogged", "connection.updated PENDING"),
        ("disconnectedMobile", "connection.updated PENDING"),
        ("phoneNotConnected", "connection.updated TIMEOUT"),
        ("autocloseCalled", "connection.updated DISCONNECTED"),
    ],
)
def test_what_is_found_out_is_the_lines_state(status: str, outcome: str) -> None:
    payload: JsonObject = {"event": "status-find", "session": "loja", "status": status}
    assert outcomes(registry.translate("wppconnect", payload, LINE)) == [outcome]
