"""The sorting table: every record is an event, skipped, or rejected with a reason."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pydantic import BaseModel, ValidationError

from shared.contracts.base import BEGINNING
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived, MessageRefused, MessageStored
from shared.contracts.outcome import Outcome
from shared.delivery.decode import Headers, Rejected, Skipped, SortingTable, headers_of
from shared.delivery.subscription import Subscription
from tests.support.build import NOON, received, stored


async def _handler(*_: object) -> Outcome:
    return []


TABLE = SortingTable(
    (
        Subscription((MessageReceived,), _handler),
        Subscription((MessageStored, MessageRefused), _handler),
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
    found = record(value, topic, **headers)
    attributes = headers_of(found)
    assert isinstance(attributes, Headers)
    return TABLE.read(found, attributes)


def body(event: BaseModel | None = None) -> bytes:
    return (event or received()).model_dump_json(by_alias=True).encode()


def test_a_gateway_needs_no_headers_on_a_topic_of_one_type() -> None:
    assert read(body()) == received()


def test_the_type_header_chooses_the_contract() -> None:
    event = read(body(stored()), "chatia.message.stored", ce_type=b"chatia.message.stored.v1")
    assert isinstance(event, MessageStored)


def test_a_topic_of_several_types_needs_the_type() -> None:
    assert read(body(stored()), "chatia.message.stored").reason == "missing-type"


def test_a_structured_event_is_read_too() -> None:
    envelope = b'{"specversion":"1.0","type":"chatia.message.received.v1","data":%s}' % body()
    assert read(envelope, content_type=b"application/cloudevents+json") == received()


@pytest.mark.parametrize(
    ("envelope", "detail"),
    [
        (b'{"type":"chatia.message.received.v1","data":', "the body is not JSON"),
        (b"[]", "a structured CloudEvent needs a type"),
        (b'{"type":1,"data":{}}', "a structured CloudEvent needs a type"),
        (b'{"type":"chatia.message.received.v1"}', "data: Field required"),
    ],
)
def test_a_structured_event_that_is_none_says_why(envelope: bytes, detail: str) -> None:
    found = read(envelope, content_type=b"application/cloudevents+json")
    assert found == Rejected("unreadable-body", detail)


def test_a_type_that_other_services_hear_is_skipped() -> None:
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
def test_what_cannot_be_read_is_rejected_with_a_reason(
    value: bytes | None, headers: dict[str, Any], reason: str
) -> None:
    rejected = read(value, **headers)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert rejected.detail


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_not_of_our_age_is_rejected(timestamp: str) -> None:
    value = body().replace(b"2026-08-20T12:00:00Z", timestamp.encode())
    assert read(value).detail == "timestamp: Value error, a time from 1970 to 2099 is wanted"


def test_errors_repeat_nothing_of_what_was_written() -> None:
    with pytest.raises(ValidationError) as raised:
        MessageReceived.model_validate(dict(received()) | {"wid": ["palavras de um cliente"]})
    assert "palavras" not in str(raised.value)


def test_a_header_that_matters_and_is_not_text_is_rejected() -> None:
    rejected = headers_of(record(body(), ce_type=b"\xff"))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "unreadable-header"


def test_a_header_name_that_is_not_text_is_rejected_and_shown() -> None:
    rejected = headers_of(replace(record(body()), headers=(("x-\udcff", b"1"),)))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, r"x-\xff" in rejected.detail) == ("unreadable-header", True)


def test_other_headers_may_hold_anything() -> None:
    assert read(body(), whatever=b"\xff", nothing=None) == received()


def test_the_gateways_secret_is_dropped_when_its_envelope_is_read() -> None:
    event = read(b'{"event":"call","instance":"i","apikey":"SECRET"}', "evolution.global.call")
    assert "SECRET" not in repr(event) + event.model_dump_json()


@pytest.mark.parametrize(("days", "is_absurd"), [(0.9, False), (1.1, True), (26_000, True)])
def test_a_message_from_times_to_come_is_of_when_its_record_came(
    days: float, *, is_absurd: bool
) -> None:
    told = received(timestamp=NOON + timedelta(days=days))
    event = read(body(told), at=NOON)
    assert event.timestamp == (NOON if is_absurd else told.timestamp)
    assert event.timestamp_estimated == is_absurd


def test_a_record_without_a_time_makes_no_message_absurd() -> None:
    assert read(body(), at=BEGINNING) == received()
