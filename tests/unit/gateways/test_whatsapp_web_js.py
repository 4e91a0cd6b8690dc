import pytest

from shared.gateways import registry
from shared.gateways.reading import JsonObject
from shared.gateways.wweb_record import is_bytes
from tests.unit.gateways.samples import LINE, outcomes

MESSAGE: JsonObject = {
    "id": {"fromMe": False, "remote": "5511990000001@c.us", "id": "A1"},
    "type": "chat",
    "body": "oi",
    "timestamp": 1790000000,
    "from": "5511990000001@c.us",
}


@pytest.mark.parametrize(
    "payload",
    [
        MESSAGE,
        {"event": "message", "data": MESSAGE},
        {"event": "message", "data": {"message": MESSAGE}},
        {"event": "MESSAGE_CREATE", "payload": MESSAGE},
        {"event": "message.received", "message": MESSAGE},
        {"event": "message", "data": [MESSAGE]},
        {"event": "message", **MESSAGE},
        {"dataType": "message", "data": {"message": MESSAGE}, "sessionId": "loja"},
        {"type": "message", "data": MESSAGE},
    ],
)
def test_bridges_wrap_one_message_in_many_ways(payload: JsonObject) -> None:
    (told,) = registry.translate("whatsapp-web-js", payload, LINE).events
    assert told.model_dump().items() >= {"wid": "A1", "body": "oi", "chat": "5511990000001"}.items()


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("CONNECTED", "connection.updated CONNECTED"),
        ("PAIRING", "connection.updated OPENING"),
        ("UNPAIRED_IDLE", "connection.updated PENDING"),
        ("TIMEOUT", "connection.updated TIMEOUT"),
        ("CONFLICT", "connection.updated DISCONNECTED"),
        ("DREAMING", "ignored: unknown-state"),
    ],
)
def test_states_of_the_socket_are_those_of_the_line(state: str, outcome: str) -> None:
    payload: JsonObject = {"event": "change_state", "data": {"state": state}}
    assert outcomes(registry.translate("whatsapp-web-js", payload, LINE)) == [outcome]


@pytest.mark.parametrize("said", ["/9j/4AAQSkZJRg", "data:image/png;base64,x", "A" * 160 + "=="])
def test_bytes_are_told_from_words(said: str) -> None:
    assert is_bytes(said)
    assert not is_bytes(f"olha: {said}")


def test_a_thumbnail_is_no_caption() -> None:
    payload: JsonObject = {**MESSAGE, "type": "image", "hasMedia": True, "body": "/9j/4AAQSkZJRg"}
    (told,) = registry.translate("whatsapp-web-js", payload, LINE).events
    assert told.model_dump().items() >= {"media_type": "image", "body": ""}.items()
    assert "/9j/" not in told.model_dump_json()
