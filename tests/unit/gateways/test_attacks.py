"""Payloads that once held a worker up for seven to fifty seconds, in the sizes that did so."""

from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked
from shared.gateways import registry
from shared.gateways.cloud_api_contacts import LARGEST_KEPT
from shared.gateways.outcome import MOST_PARTS, Translation, Unreadable
from tests.support.effort import spent
from tests.unit.gateways.samples import LINE

LONGEST_S = 2.0
CAPITALS = "A" * 32_000 + "!"
PEOPLE = 1_000


def translated_in_time(gateway: str, payload: Any) -> Translation:
    assert spent(lambda: registry.translate(gateway, payload, LINE), 1) < LONGEST_S
    return registry.translate(gateway, payload, LINE)


def number(n: int) -> str:
    return str(5_511_990_000_000 + n)


def of_meta(**value: Any) -> Any:
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def message(n: int) -> Any:
    told = {"from": number(n), "id": f"wamid.{n}", "timestamp": "1790000000", "type": "text"}
    return {**told, "text": {"body": "Oi"}}


def contact(n: int, **more: Any) -> Any:
    return {"wa_id": number(n), "profile": {"name": f"Ana {n}"}, **more}


@pytest.mark.parametrize(
    ("gateway", "payload"),
    [
        pytest.param(
            "evolution-go",
            {"event": "Message", "data": {"Info": {"ID": "A"}, "Message": {CAPITALS: 1}}},
            id="evolution-go",
        ),
        pytest.param(
            "waha",
            {
                "event": "message",
                "payload": {"id": "A", "_data": {"Info": {"ID": "A"}, "Message": {CAPITALS: 1}}},
            },
            id="waha",
        ),
    ],
)
def test_a_name_of_capitals_is_soon_respelled(gateway: str, payload: Any) -> None:
    translated_in_time(gateway, payload)


def test_a_thousand_messages_beside_a_thousand_contacts_are_soon_read() -> None:
    messages, contacts = map(list, (map(message, range(PEOPLE)), map(contact, range(PEOPLE))))
    told = translated_in_time("cloud-api", of_meta(messages=messages, contacts=contacts[::-1]))
    received = [event for event in told.events if isinstance(event, MessageReceived)]
    assert [event.push_name for event in received] == [f"Ana {n}" for n in range(PEOPLE)]


def test_a_thousand_statuses_beside_a_thousand_contacts_are_soon_read() -> None:
    statuses = [
        {"id": f"wamid.{n}", "status": "read", "recipient_id": number(n)} for n in range(PEOPLE)
    ]
    contacts = [contact(n) for n in range(PEOPLE)]
    told = translated_in_time("cloud-api", of_meta(statuses=statuses, contacts=contacts))
    assert sum(isinstance(event, MessageAcked) for event in told.events) == PEOPLE


def test_little_of_a_large_contact_is_kept_with_each_of_its_messages() -> None:
    messages = [message(1) | {"id": f"wamid.{n}"} for n in range(PEOPLE)]
    large = contact(1, x={f"name{n}": 1 for n in range(20_000)})
    told = translated_in_time("cloud-api", of_meta(messages=messages, contacts=[large]))
    first = told.events[0]
    assert isinstance(first, MessageReceived)
    assert first.push_name == "Ana 1"
    assert '"contact":{"profile":{"name":"Ana 1"},"wa_id":"5511990000001"}' in (
        first.data_json or ""
    )
    assert len(first.data_json or "") < LARGEST_KEPT


@pytest.mark.parametrize(("more", "events"), [(0, MOST_PARTS), (1, 0)])
def test_a_payload_of_too_many_parts_is_one_dead_letter(more: int, events: int) -> None:
    told = translated_in_time(
        "cloud-api", of_meta(messages=[message(n) for n in range(MOST_PARTS + more)])
    )
    assert len(told.events) == events
    detail = f"the payload has more than {MOST_PARTS} parts"
    assert told.unreadable == ((Unreadable(detail, "too-many-parts"),) if more else ())
