"""Payloads that once took seven to fifty seconds to translate, in the same sizes."""

from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked
from shared.gateways.cloud_api.webhook_contacts import LARGEST_CONTACT
from shared.gateways.normalize.outcome import MOST_PARTS, Translation, Unreadable
from shared.gateways.registry import translate
from tests.support.effort import spent
from tests.unit.gateways.samples import LINE

LONGEST_S = 2.0
CAPITALS = "A" * 32_000 + "!"
PEOPLE = 1_000


def translate_in_time(gateway: str, payload: Any) -> Translation:
    assert spent(lambda: translate(gateway, payload, LINE), 1) < LONGEST_S
    return translate(gateway, payload, LINE)


def build_number(n: int) -> str:
    return str(5_511_990_000_000 + n)


def build_webhook(**value: Any) -> Any:
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def build_message(n: int) -> Any:
    message = {
        "from": build_number(n),
        "id": f"wamid.{n}",
        "timestamp": "1790000000",
        "type": "text",
    }
    return {**message, "text": {"body": "Oi"}}


def build_contact(n: int, **more: Any) -> Any:
    return {"wa_id": build_number(n), "profile": {"name": f"Ana {n}"}, **more}


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
def test_a_long_name_in_capitals_is_respelled_in_time(gateway: str, payload: Any) -> None:
    translate_in_time(gateway, payload)


def test_a_thousand_messages_beside_a_thousand_contacts_are_soon_read() -> None:
    messages, contacts = map(
        list, (map(build_message, range(PEOPLE)), map(build_contact, range(PEOPLE)))
    )
    translation = translate_in_time(
        "cloud-api", build_webhook(messages=messages, contacts=contacts[::-1])
    )
    received = [event for event in translation.events if isinstance(event, MessageReceived)]
    assert [event.push_name for event in received] == [f"Ana {n}" for n in range(PEOPLE)]


def test_a_thousand_statuses_beside_a_thousand_contacts_are_soon_read() -> None:
    statuses = [
        {"id": f"wamid.{n}", "status": "read", "recipient_id": build_number(n)}
        for n in range(PEOPLE)
    ]
    contacts = [build_contact(n) for n in range(PEOPLE)]
    translation = translate_in_time(
        "cloud-api", build_webhook(statuses=statuses, contacts=contacts)
    )
    assert sum(isinstance(event, MessageAcked) for event in translation.events) == PEOPLE


def test_the_copy_of_a_contact_in_its_messages_is_bounded() -> None:
    messages = [build_message(1) | {"id": f"wamid.{n}"} for n in range(PEOPLE)]
    large = build_contact(1, x={f"name{n}": 1 for n in range(20_000)})
    translation = translate_in_time("cloud-api", build_webhook(messages=messages, contacts=[large]))
    first = translation.events[0]
    assert isinstance(first, MessageReceived)
    assert first.push_name == "Ana 1"
    assert '"contact":{"profile":{"name":"Ana 1"},"wa_id":"5511990000001"}' in (
        first.data_json or ""
    )
    assert len(first.data_json or "") < LARGEST_CONTACT


@pytest.mark.parametrize(("more", "events"), [(0, MOST_PARTS), (1, 0)])
def test_a_payload_of_too_many_parts_is_one_dead_letter(more: int, events: int) -> None:
    translation = translate_in_time(
        "cloud-api", build_webhook(messages=[build_message(n) for n in range(MOST_PARTS + more)])
    )
    assert len(translation.events) == events
    detail = f"the payload has more than {MOST_PARTS} parts"
    assert translation.unreadable == ((Unreadable(detail, "too-many-parts"),) if more else ())
