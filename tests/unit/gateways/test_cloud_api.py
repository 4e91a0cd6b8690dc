import json

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.reading import JsonObject, mapping
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE

OWN = samples.own("cloud-api")


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


def _text(sender: str) -> JsonObject:
    return {
        "from": sender,
        "id": "wamid.A1=",
        "timestamp": "1790000000",
        "type": "text",
        "text": {"body": "Oi"},
    }
