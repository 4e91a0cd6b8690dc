import json

import pytest
from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.contact import ContactMove
from shared.contracts.message import MessageReceived
from shared.gateways.normalize.json_values import JsonObject, read_object
from shared.gateways.registry import translate
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE

OWN = samples.load_own("cloud-api")
_ADDRESS = '{"values": {"name": "Ana", "address": "Rua A, 1"}, "flow_token": "SEGREDO"}'


def _build_reply(kind: str, reply: JsonObject) -> JsonObject:
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}


def translate_events(payload: JsonValue) -> tuple[Event, ...]:
    return translate("cloud-api", payload, LINE).events


def load_data_json(name: str, index: int = 0) -> JsonObject:
    event = translate_events(OWN[name]["payload"])[index]
    assert isinstance(event, MessageReceived)
    data: JsonObject = json.loads(event.data_json or "{}")
    return data


def test_the_number_and_the_user_id_beside_the_chats_address_are_kept() -> None:
    assert load_data_json("ninth_digit_in_the_contact_alone")["from"] == "551190000001"
    assert (
        read_object(load_data_json("ninth_digit_in_the_contact_alone"), "contact")["wa_id"]
        == "5511990000001"
    )
    assert load_data_json("text")["from_user_id"] == "BR.10000000000000000001"


def test_the_answers_of_a_form_are_kept_without_its_token() -> None:
    reply = read_object(load_data_json("choices", 2), "interactive", "nfm_reply")
    assert reply["response_json"] == {"nota": "5"}
    unreadable = read_object(load_data_json("choices", 3), "interactive", "nfm_reply")
    assert unreadable["response_json"] is None


def test_a_calls_media_session_is_not_kept() -> None:
    assert "session" not in load_data_json("calls")


def test_a_single_object_is_read_like_an_array_of_one() -> None:
    value: JsonObject = {"messages": _build_text("5511990000001")}
    (event,) = translate_events({"entry": {"changes": {"field": "messages", "value": value}}})
    assert event.key == "7:3:5511990000001"


def test_a_contact_of_another_number_gives_no_name() -> None:
    contact: JsonObject = {"wa_id": "5521990000001", "profile": {"name": "Outra pessoa"}}
    value: JsonObject = {"contacts": [contact], "messages": [_build_text("5511990000001")]}
    (event,) = translate_events({"entry": [{"changes": [{"field": "messages", "value": value}]}]})
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.push_name) == ("5511990000001", None)


def test_a_missing_time_is_that_of_the_webhook() -> None:
    value: JsonObject = {"messages": [_build_text("5511990000001") | {"timestamp": None}]}
    changes: JsonValue = [{"field": "messages", "value": value}]
    (event,) = translate_events({"entry": [{"time": 1790000100, "changes": changes}]})
    assert isinstance(event, MessageReceived)
    assert (event.timestamp.timestamp(), event.timestamp_estimated) == (1790000100, False)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"type": "button", "button": {"payload": "Sim"}}, "Sim"),
        (_build_reply("button_reply", {"id": "Sim"}), "Sim"),
        (_build_reply("list_reply", {"id": "Boleto", "description": "2a via"}), "Boleto\n2a via"),
        (_build_reply("nfm_reply", {"response_json": _ADDRESS}), "name: Ana\naddress: Rua A, 1"),
    ],
)
def test_a_choice_without_a_title_shows_its_id(content: JsonObject, body: str) -> None:
    (event,) = translate_events({"messages": [_build_text("5511990000001") | content]})
    assert isinstance(event, MessageReceived)
    assert event.body == body


def test_a_button_with_only_a_json_payload_cannot_be_shown() -> None:
    message = _build_text("5511990000001") | {"type": "button", "button": {"payload": '{"step":1}'}}
    translation = translate("cloud-api", {"messages": [message]}, LINE)
    assert samples.describe_outcomes(translation) == ["message.received unsupported"]


@pytest.mark.parametrize(
    ("card", "body"),
    [
        ({"phones": [{"phone": "+5511990000001"}]}, "Ana: +5511990000001"),
        ({}, "Ana: +55 11 99000-0001"),
        ({"name": {"formatted_name": "Ana Lima"}}, "Ana Lima: +55 11 99000-0001"),
    ],
)
def test_a_number_shared_on_request_has_the_name_of_its_vcard(card: JsonObject, body: str) -> None:
    vcard = "BEGIN:VCARD\nFN:Ana\nTEL;waid=5511990000001:+55 11 99000-0001\nEND:VCARD"
    contacts: JsonValue = [{"vcard": vcard, **card}]
    shared: JsonObject = {"type": "contacts", "origin": "contact_request", "contacts": contacts}
    (event,) = translate_events({"messages": [_build_text("BR.1a2B3c") | shared]})
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.media_type, event.body) == ("BR.1a2B3c", "contactMessage", body)


def test_the_cards_of_a_carousel_are_shown() -> None:
    cards: JsonValue = [{"body": {"text": "Camisa"}}, {"body": {"text": "Bota"}}]
    carousel: JsonObject = {
        "type": "carousel",
        "body": {"text": "Novidades"},
        "action": {"cards": cards},
    }
    message: JsonObject = {"to": "5511990000001", "type": "interactive", "interactive": carousel}
    (event,) = translate_events({"message_echoes": [_build_text("5521990000009") | message]})
    assert isinstance(event, MessageReceived)
    assert (event.from_me, event.body) == (True, "Novidades\nCamisa\nBota")


@pytest.mark.parametrize(("kind", "state"), [("call", "RINGING"), ("payment", "captured")])
def test_a_status_of_a_call_or_payment_is_ignored_with_its_kind(kind: str, state: str) -> None:
    status: JsonObject = {"id": "wamid.A1=", "type": kind, "status": state, "recipient_id": "5511"}
    (ignored,) = translate("cloud-api", {"statuses": [status]}, LINE).ignored
    assert (ignored.reason, ignored.detail) == (f"{kind}-status", state)


def _build_text(sender: str) -> JsonObject:
    return {
        "from": sender,
        "id": "wamid.A1=",
        "timestamp": "1790000000",
        "type": "text",
        "text": {"body": "Oi"},
    }


def change_user_id(previous: str, current: str, seconds: int) -> Event:
    update: JsonValue = {
        "wa_id": "5511990000001",
        "user_id": {"previous": previous, "current": current},
        "timestamp": str(seconds),
    }
    value: JsonValue = {"user_id_update": [update]}
    changed: JsonValue = {"field": "user_id_update", "value": value}
    (event,) = translate("cloud-api", {"entry": [{"id": "9", "changes": [changed]}]}, LINE).events
    return event


def test_each_change_of_a_user_id_is_a_request_of_its_own() -> None:
    first = change_user_id("BR.A1", "BR.B2", 1_790_000_000)
    second = change_user_id("BR.B2", "BR.C3", 1_790_600_000)
    assert isinstance(first, ContactMove)
    assert isinstance(second, ContactMove)
    assert first.request_id != second.request_id
    assert change_user_id("BR.A1", "BR.B2", 1_790_000_000) == first


@pytest.mark.parametrize(
    ("contacts", "chat"),
    [
        ([], "90000000000042@lid"),
        ([{"wa_id": "5511990000001", "user_id": "90000000000042@lid"}], "5511990000001"),
    ],
)
def test_our_message_to_a_lid_is_in_the_chat_of_its_number_if_that_is_known(
    contacts: list[JsonValue], chat: str
) -> None:
    echo: JsonObject = {
        "from": "551199", "to": "90000000000042@lid", "id": "wamid.1", "type": "text",
        "text": {"body": "Oi"},
    }  # fmt: skip
    payload: JsonObject = {"contacts": contacts, "message_echoes": [echo]}
    (event,) = translate("cloud-api", payload, LINE).events
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.lid, event.from_me) == (chat, "90000000000042@lid", True)
