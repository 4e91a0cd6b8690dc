import json

import pytest
from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.reading import JsonObject, mapping
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE

OWN = samples.own("cloud-api")
_ADDRESS = '{"values": {"name": "Ana", "address": "Rua A, 1"}, "flow_token": "SEGREDO"}'


def _chosen(kind: str, reply: JsonObject) -> JsonObject:
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}


def told(payload: JsonValue) -> tuple[Event, ...]:
    return registry.translate("cloud-api", payload, LINE).events


def kept(name: str, index: int = 0) -> JsonObject:
    event = told(OWN[name]["payload"])[index]
    assert isinstance(event, MessageReceived)
    found: JsonObject = json.loads(event.data_json or "{}")
    return found


def test_the_number_and_the_user_id_beside_the_chats_address_are_kept() -> None:
    assert kept("ninth_digit_in_the_contact_alone")["from"] == "551190000001"
    assert mapping(kept("ninth_digit_in_the_contact_alone"), "contact")["wa_id"] == "5511990000001"
    assert kept("text")["from_user_id"] == "BR.10000000000000000001"


def test_the_answers_of_a_form_are_kept_without_its_token() -> None:
    reply = mapping(kept("choices", 2), "interactive", "nfm_reply")
    assert reply["response_json"] == {"nota": "5"}
    unreadable = mapping(kept("choices", 3), "interactive", "nfm_reply")
    assert unreadable["response_json"] is None


def test_a_calls_media_session_is_not_kept() -> None:
    assert "session" not in kept("calls")


def test_a_single_object_is_as_good_as_an_array_of_it() -> None:
    value: JsonObject = {"messages": _text("5511990000001")}
    (event,) = told({"entry": {"changes": {"field": "messages", "value": value}}})
    assert event.key == "7:3:5511990000001"


def test_a_contact_of_another_number_gives_no_name() -> None:
    contact: JsonObject = {"wa_id": "5521990000001", "profile": {"name": "Outra pessoa"}}
    value: JsonObject = {"contacts": [contact], "messages": [_text("5511990000001")]}
    (event,) = told({"entry": [{"changes": [{"field": "messages", "value": value}]}]})
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.push_name) == ("5511990000001", None)


def test_a_time_that_is_missing_is_the_webhooks() -> None:
    value: JsonObject = {"messages": [_text("5511990000001") | {"timestamp": None}]}
    changes: JsonValue = [{"field": "messages", "value": value}]
    (event,) = told({"entry": [{"time": 1790000100, "changes": changes}]})
    assert isinstance(event, MessageReceived)
    assert (event.timestamp.timestamp(), event.timestamp_estimated) == (1790000100, False)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"type": "button", "button": {"payload": "Sim"}}, "Sim"),
        (_chosen("button_reply", {"id": "Sim"}), "Sim"),
        (_chosen("list_reply", {"id": "Boleto", "description": "2a via"}), "Boleto\n2a via"),
        (_chosen("nfm_reply", {"response_json": _ADDRESS}), "Ana\nRua A, 1"),
    ],
)
def test_a_choice_without_words_is_named_by_what_there_is(content: JsonObject, body: str) -> None:
    (event,) = told({"messages": [_text("5511990000001") | content]})
    assert isinstance(event, MessageReceived)
    assert event.body == body


def test_a_button_with_nothing_but_a_programs_payload_is_no_words() -> None:
    message = _text("5511990000001") | {"type": "button", "button": {"payload": '{"step":1}'}}
    translation = registry.translate("cloud-api", {"messages": [message]}, LINE)
    assert samples.outcomes(translation) == ["ignored: empty-message"]


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
    (event,) = told({"messages": [_text("BR.1a2B3c") | shared]})
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
    (event,) = told({"message_echoes": [_text("5521990000009") | message]})
    assert isinstance(event, MessageReceived)
    assert (event.from_me, event.body) == (True, "Novidades\nCamisa\nBota")


@pytest.mark.parametrize(("kind", "state"), [("call", "RINGING"), ("payment", "captured")])
def test_a_state_of_a_call_or_payment_is_no_ack_and_says_which_it_is(kind: str, state: str) -> None:
    status: JsonObject = {"id": "wamid.A1=", "type": kind, "status": state, "recipient_id": "5511"}
    (ignored,) = registry.translate("cloud-api", {"statuses": [status]}, LINE).ignored
    assert (ignored.reason, ignored.detail) == (f"{kind}-status", state)


def _text(sender: str) -> JsonObject:
    return {
        "from": sender,
        "id": "wamid.A1=",
        "timestamp": "1790000000",
        "type": "text",
        "text": {"body": "Oi"},
    }
