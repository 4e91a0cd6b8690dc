from collections.abc import Callable

import pytest
from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import translate
from shared.gateways.whatsapp_web.texts import is_base64
from tests.unit.gateways.samples import LINE, describe_outcomes

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
        {"event": "onMessage", "data": MESSAGE},
        {"eventName": "messageCreate", "args": [MESSAGE]},
        {"type": "message", "id": "evt-1", "data": MESSAGE},
    ],
)
def test_bridges_wrap_one_message_in_many_ways(payload: JsonObject) -> None:
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert (
        event.model_dump().items() >= {"wid": "A1", "body": "oi", "chat": "5511990000001"}.items()
    )


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
    assert describe_outcomes(translate("whatsapp-web-js", payload, LINE)) == [outcome]


@pytest.mark.parametrize(
    "payload",
    [
        {"event": "disconnected", "data": {"reason": "LOGOUT"}},
        {"event": "disconnected", "data": "LOGOUT"},
        {"event": "disconnected", "args": ["LOGOUT"]},
    ],
)
def test_the_reason_of_a_disconnection_is_read_in_every_shape(payload: JsonObject) -> None:
    translation = translate("whatsapp-web-js", payload, LINE)
    assert describe_outcomes(translation) == ["connection.updated PENDING"]


def test_a_revoke_is_of_the_message_before_it() -> None:
    after: JsonObject = {**MESSAGE, "type": "revoked", "body": ""}
    before: JsonObject = {**MESSAGE, "id": "false_5511990000001@c.us_A0"}
    payload: JsonObject = {
        "event": "message_revoke_everyone",
        "data": {"after": after, "before": before},
    }
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert (event.type, event.model_dump()["wid"]) == ("message.deleted", "A0")


def test_an_ack_may_name_nothing_but_the_message() -> None:
    payload: JsonObject = {
        "event": "message_ack",
        "data": {"messageId": "true_5511990000001@c.us_A1", "ack": 2},
    }
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert event.model_dump().items() >= {"wid": "A1", "chat": "5511990000001", "ack": 2}.items()


@pytest.mark.parametrize("name", ["wid", "me"])
def test_the_number_of_a_ready_line_is_read(name: str) -> None:
    payload: JsonObject = {"event": "ready", "data": {name: {"_serialized": "5511990000099@c.us"}}}
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert event.model_dump().items() >= {"number": "5511990000099"}.items()


def test_the_id_of_a_chosen_row_is_shown_if_nothing_else_is_known() -> None:
    payload: JsonObject = {
        **MESSAGE, "body": "", "type": "list_response", "selectedRowId": "boletos"
    }  # fmt: skip
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    shown = {"media_type": "listResponseMessage", "body": "boletos"}
    assert event.model_dump().items() >= shown.items()


@pytest.mark.parametrize("text", ["/9j/4AAQSkZJRg", "data:image/png;base64,x", "A" * 160 + "=="])
def test_base64_is_recognised(text: str) -> None:
    assert is_base64(text)
    assert not is_base64(f"olha: {text}")


def test_a_thumbnail_is_no_caption() -> None:
    payload: JsonObject = {**MESSAGE, "type": "image", "hasMedia": True, "body": "/9j/4AAQSkZJRg"}
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert event.model_dump().items() >= {"media_type": "image", "body": ""}.items()
    assert "/9j/" not in event.model_dump_json()


@pytest.mark.parametrize("body", ["data: 10/12, às 9h", "Data:amanhã", "ab12" * 60])
def test_what_a_person_wrote_is_never_taken_for_bytes(body: str) -> None:
    payload: JsonObject = {**MESSAGE, "body": body}
    (event,) = translate("whatsapp-web-js", payload, LINE).events
    assert event.model_dump().items() >= {"media_type": "conversation", "body": body}.items()


def test_a_late_thumbnail_is_no_edit() -> None:
    payload: JsonObject = {
        "event": "message_edit",
        "data": {"message": {**MESSAGE, "type": "image"}, "newBody": "/9j/4AAQSkZJRg"},
    }
    translation = translate("whatsapp-web-js", payload, LINE)
    assert describe_outcomes(translation) == ["ignored: thumbnail-update"]


@pytest.mark.parametrize("wrapped", [list, lambda wrap: {"messages": wrap}])
def test_batched_messages_are_translated_one_by_one(
    wrapped: Callable[[list[JsonValue]], JsonValue],
) -> None:
    other: JsonObject = {**MESSAGE, "id": "false_5511990000001@c.us_A2", "body": "tudo bem?"}
    payload: JsonObject = {"event": "message", "data": wrapped([MESSAGE, other])}
    events = translate("whatsapp-web-js", payload, LINE).events
    assert [(event.model_dump()["wid"], event.model_dump()["body"]) for event in events] == [
        ("A1", "oi"),
        ("A2", "tudo bem?"),
    ]


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"event": "call", "data": {"call": {"id": "C1", "fromMe": True}}}, "call-outgoing"),
        ({"event": "incomingCall", "data": {"id": "C1", "fromMe": False}}, "call-ringing"),
        ({"event": "MESSAGE_REVOKED_ME", "data": MESSAGE}, "deleted-for-me"),
        ({"event": "groupJoin", "data": {}}, "group-participants-update"),
    ],
)
def test_an_event_that_is_no_message_is_ignored_with_a_reason(
    payload: JsonObject, outcome: str
) -> None:
    translation = translate("whatsapp-web-js", payload, LINE)
    assert describe_outcomes(translation) == [f"ignored: {outcome}"]
