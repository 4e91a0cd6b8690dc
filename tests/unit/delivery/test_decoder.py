"""Decoding: every record becomes an event, is skipped, or is rejected with a reason."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pydantic import BaseModel, ValidationError

from shared.contracts.base import BACK_OFFICE, BEGINNING, SCHEDULER, Event
from shared.contracts.campaign import CampaignSend
from shared.contracts.catalogue import load_contracts
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import MessageReceived, MessageRefused, MessageStored
from shared.contracts.outcome import Outcome
from shared.contracts.ticket_request import TicketClose
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.kafka.record import DecodedRecord, Headers, Rejected, Skipped, parse_headers
from shared.delivery.subscription import Subscription
from tests.support.build import NOON, job, received, stored


async def _handler(*_: object) -> Outcome:
    return []


DECODER = RecordDecoder(
    (
        Subscription((MessageReceived,), _handler),
        Subscription((MessageStored, MessageRefused), _handler),
        Subscription((TicketClose,), _handler),
        Subscription((CampaignSend,), _handler),
        Subscription((GatewayReceived,), _handler),
        Subscription((EvolutionRecord,), _handler, ("evolution.global.call",)),
    ),
    "chatia",
)


def record(
    value: bytes | None, topic: str = "chatia.message.received", at: datetime = NOON, **headers: Any
) -> Any:
    pairs = [
        (name.replace("_type", "-type"), v) if name == "content_type" else (name, v)
        for name, v in headers.items()
    ]
    time_ms = round(at.timestamp() * 1000)
    return ConsumerRecord(topic, 0, 0, time_ms, 0, None, value, None, 0, 0, tuple(pairs))


def read(value: bytes | None, topic: str = "chatia.message.received", **headers: Any) -> Any:
    result = record(value, topic, **headers)
    attributes = parse_headers(result)
    assert isinstance(attributes, Headers)
    return DECODER.decode_body(result, attributes)


def body(event: BaseModel | None = None) -> bytes:
    return (event or received()).model_dump_json(by_alias=True).encode()


def wrap(event: Event, type_name: str = "") -> bytes:
    """Return a structured CloudEvent."""
    return b'{"specversion":"1.0","type":"%s","data":%s}' % (
        (type_name or event.ce_type()).encode(),
        body(event),
    )


CLOSE: dict[str, Any] = {"companyId": 1, "requestId": "r", "ticketId": 5}


def decode(body: dict[str, Any], topic: str = "tickets.requests") -> DecodedRecord:
    """Decode the body of a request to close a ticket, or of another topic."""
    return DECODER.decode(record(json.dumps(body).encode(), f"chatia.{topic}"))


def test_a_topic_of_one_type_needs_no_headers() -> None:
    assert read(body()) == received(received_at=NOON)


def test_the_type_header_chooses_the_contract() -> None:
    event = read(body(stored()), "chatia.message.stored", ce_type=b"chatia.message.stored.v1")
    assert isinstance(event, MessageStored)


def test_a_topic_of_several_types_needs_the_type() -> None:
    assert read(body(stored()), "chatia.message.stored").reason == "missing-type"


def test_a_structured_cloudevent_is_decoded() -> None:
    envelope = b'{"specversion":"1.0","type":"chatia.message.received.v1","data":%s}' % body()
    assert read(envelope, content_type=b"application/cloudevents+json") == received(
        received_at=NOON
    )


@pytest.mark.parametrize(
    ("envelope", "detail"),
    [
        (b'{"type":"chatia.message.received.v1","data":', "the body is not JSON"),
        (b"[]", "a structured CloudEvent needs a type"),
        (b'{"type":1,"data":{}}', "a structured CloudEvent needs a type"),
        (b'{"type":"chatia.message.received.v1"}', "data: this member is required"),
    ],
)
def test_a_broken_structured_cloudevent_is_rejected_with_a_detail(
    envelope: bytes, detail: str
) -> None:
    result = read(envelope, content_type=b"application/cloudevents+json")
    assert result == Rejected("unreadable-body", detail)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": b"application/json"},
        {"content_type": b"Application/CloudEvents+JSON; charset=UTF-8"},
        {"content_type": b"application/cloudevents+json", "ce_type": b"chatia.other.v1"},
    ],
)
def test_a_structured_cloudevent_is_recognised_without_its_content_type(
    headers: dict[str, Any],
) -> None:
    assert read(wrap(stored()), "chatia.message.stored", **headers) == stored()


def test_the_type_of_a_recognised_structured_cloudevent_is_checked() -> None:
    rejected = read(wrap(received(), "chatia.message.recieved.v1"))
    assert rejected.reason == "unknown-type"


def test_the_company_header_counts_for_a_structured_cloudevent_too() -> None:
    assert read(wrap(received()), ce_companyid=b"2").reason == "tenant-mismatch"


def test_a_structured_cloudevent_beside_a_type_header_names_both_headers() -> None:
    rejected = read(wrap(stored()), "chatia.message.stored", ce_type=stored().ce_type().encode())
    assert rejected == Rejected(
        "unreadable-body",
        "the body is a structured CloudEvent, but the header ce_type says that it is not: "
        "remove that header, or add the header content-type: application/cloudevents+json",
    )


@pytest.mark.parametrize("word", ['{"specversion":"1.0"}', "specversion"])
def test_the_words_of_a_customer_make_no_structured_cloudevent(word: str) -> None:
    event = received(body=word, data_json=word, received_at=NOON)
    assert read(body(event)) == event


def test_no_event_has_members_by_which_structured_cloudevents_are_recognised() -> None:
    events = [event for events in load_contracts().values() for event in events]
    assert not any({"specversion", "data"} & event.model_fields.keys() for event in events)


def test_ignored_members_of_a_request_and_a_job_are_named() -> None:
    assert decode(CLOSE | {"mediaUrl": "x", "silent": True}).ignored == ("mediaUrl",)
    assert decode(
        {"specversion": "1.0", "type": TicketClose.ce_type(), "data": CLOSE | {"a": 1}}
    ).ignored == ("a",)
    job_body = job().model_dump(mode="json", by_alias=True) | {"scheduledAt": "x"}
    assert decode(job_body, job().topic).ignored == ("scheduledAt",)
    assert decode(CLOSE).ignored == ()


def test_ignored_members_beside_half_an_emoji_are_named() -> None:
    assert decode(CLOSE | {"note": "\ud83d"}).ignored == ("note",)


def test_ignored_members_of_what_gateways_publish_are_not_searched_for() -> None:
    body_of_message = received().model_dump(mode="json", by_alias=True) | {"x": 1}
    assert decode(body_of_message, received().topic).ignored == ()


def test_ignored_members_of_an_unreadable_request_are_named_in_its_detail() -> None:
    broken = {"companyId": 1, "requestId": "r", "ticketID": 5}
    assert decode(broken).event == Rejected(
        "unreadable-body", "ticketId: this member is required; ignored: ticketID"
    )


def test_every_request_and_job_from_outside_has_its_ignored_members_named() -> None:
    events = [event for events in load_contracts().values() for event in events]
    asked = {e for e in events if {BACK_OFFICE, SCHEDULER} & set(e.writers)}
    assert {event for event in events if event.names_ignored} == asked


def test_a_type_of_other_subscribers_is_skipped() -> None:
    name = b"chatia.message.whispered.v1"
    assert read(b"{}", "chatia.message.stored", ce_type=name) == Skipped(name.decode())


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        pytest.param(None, {}, "empty-body", id="tombstone"),
        pytest.param(b"", {}, "unreadable-body", id="nothing"),
        pytest.param(b"\xff\xfe", {}, "unreadable-body", id="not UTF-8"),
        pytest.param(b"[" * 100_000, {}, "too-deep", id="bottomless"),
        pytest.param(b"{}", {}, "unreadable-body", id="members missing"),
        pytest.param(
            body(), {"ce_type": b"chatia.message.received.v2"}, "unknown-version", id="v2"
        ),
        pytest.param(
            body(), {"ce_type": b"chatia.message.recieved.v1"}, "unknown-type", id="misspelt type"
        ),
        pytest.param(body(), {"ce_companyid": b"2"}, "tenant-mismatch", id="another company"),
        pytest.param(
            b"[]",
            {"content_type": b"application/cloudevents+json"},
            "unreadable-body",
            id="no envelope",
        ),
    ],
)
def test_an_unreadable_record_is_rejected_with_a_reason(
    value: bytes | None, headers: dict[str, Any], reason: str
) -> None:
    rejected = read(value, **headers)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert rejected.detail


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
def test_a_timestamp_before_1970_or_after_2099_is_rejected(timestamp: str) -> None:
    value = body().replace(b"2026-08-20T12:00:00Z", timestamp.encode())
    assert read(value).detail == "timestamp: a time from 1970 to 2099 is wanted"


def test_validation_errors_quote_no_content() -> None:
    with pytest.raises(ValidationError) as raised:
        MessageReceived.model_validate(dict(received()) | {"wid": ["palavras de um cliente"]})
    assert "palavras" not in str(raised.value)


def test_a_relevant_header_that_is_not_utf_8_is_rejected() -> None:
    rejected = parse_headers(record(body(), ce_type=b"\xff"))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "unreadable-header"


def test_a_header_name_that_is_not_utf_8_is_rejected_and_shown() -> None:
    rejected = parse_headers(replace(record(body()), headers=(("x-\udcff", b"1"),)))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, r"x-\xff" in rejected.detail) == ("unreadable-header", True)


def test_other_headers_may_hold_any_bytes() -> None:
    assert read(body(), whatever=b"\xff", nothing=None) == received(received_at=NOON)


def test_the_secret_in_a_gateways_envelope_is_dropped() -> None:
    event = read(b'{"event":"call","instance":"i","apikey":"SECRET"}', "evolution.global.call")
    assert "SECRET" not in repr(event) + event.model_dump_json()


@pytest.mark.parametrize(("days", "is_replaced"), [(0.9, False), (1.1, True), (26_000, True)])
def test_a_timestamp_in_the_future_is_replaced_by_that_of_the_record(
    days: float, *, is_replaced: bool
) -> None:
    message = received(timestamp=NOON + timedelta(days=days))
    event = read(body(message), at=NOON)
    assert event.timestamp == (NOON if is_replaced else message.timestamp)
    assert event.timestamp_estimated == is_replaced


@pytest.mark.parametrize(
    ("claimed", "taken"),
    [
        pytest.param(None, NOON, id="the time of the record"),
        pytest.param(
            NOON - timedelta(days=3), NOON - timedelta(days=3), id="the payload's, before"
        ),
        pytest.param(NOON + timedelta(seconds=1), NOON, id="never later than the record"),
    ],
)
def test_a_message_knows_when_it_first_entered_kafka(
    claimed: datetime | None, taken: datetime
) -> None:
    assert read(body(received(received_at=claimed)), at=NOON).received_at == taken


@pytest.mark.parametrize(("hours", "taken"), [(-2, -2), (2, 0)])
def test_a_payload_is_not_received_later_than_its_record(hours: int, taken: int) -> None:
    posted = GatewayReceived(
        company_id=1,
        whatsapp_id=10,
        gateway="waha",
        received_at=NOON + timedelta(hours=hours),
        body="{}",
    )
    event = read(body(posted), "chatia.gateway.received", at=NOON)
    assert event.received_at == NOON + timedelta(hours=taken)


def test_without_a_record_timestamp_the_message_keeps_its_own() -> None:
    assert read(body(), at=BEGINNING) == received()


def test_half_an_emoji_is_repaired_alike_however_the_event_comes() -> None:
    cut = body(received(body="oi @")).replace(b"oi @", rb"oi \ud83d")
    assert read(cut) == received(body="oi ?", received_at=NOON)
    envelope = b'{"specversion":"1.0","type":"chatia.message.received.v1","data":%s}' % cut
    repaired = received(body="oi ?", received_at=NOON)
    assert read(envelope, content_type=b"application/cloudevents+json") == repaired
    record_of_evolution = rb'{"event":"messages.upsert","instance":"x","data":"oi \ud83d"}'
    decoded = read(record_of_evolution, "evolution.global.call")
    assert (decoded.instance, decoded.data) == ("x", "oi ?")
