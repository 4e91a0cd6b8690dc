"""Decoding: every record becomes an event, is skipped, or is rejected with a reason."""

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
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.kafka.record import Headers, Rejected, Skipped, parse_headers
from shared.delivery.subscription import Subscription
from tests.support.build import NOON, received, stored


async def _handler(*_: object) -> Outcome:
    return []


DECODER = RecordDecoder(
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
    result = record(value, topic, **headers)
    attributes = parse_headers(result)
    assert isinstance(attributes, Headers)
    return DECODER.decode_body(result, attributes)


def body(event: BaseModel | None = None) -> bytes:
    return (event or received()).model_dump_json(by_alias=True).encode()


def test_a_topic_of_one_type_needs_no_headers() -> None:
    assert read(body()) == received()


def test_the_type_header_chooses_the_contract() -> None:
    event = read(body(stored()), "chatia.message.stored", ce_type=b"chatia.message.stored.v1")
    assert isinstance(event, MessageStored)


def test_a_topic_of_several_types_needs_the_type() -> None:
    assert read(body(stored()), "chatia.message.stored").reason == "missing-type"


def test_a_structured_cloudevent_is_decoded() -> None:
    envelope = b'{"specversion":"1.0","type":"chatia.message.received.v1","data":%s}' % body()
    assert read(envelope, content_type=b"application/cloudevents+json") == received()


@pytest.mark.parametrize(
    ("envelope", "detail"),
    [
        (b'{"type":"chatia.message.received.v1","data":', "the body is not JSON"),
        (b"[]", "a structured CloudEvent needs a type"),
        (b'{"type":1,"data":{}}', "a structured CloudEvent needs a type"),
        (b'{"type":"chatia.message.received.v1"}', "data: required"),
    ],
)
def test_a_broken_structured_cloudevent_is_rejected_with_a_detail(
    envelope: bytes, detail: str
) -> None:
    result = read(envelope, content_type=b"application/cloudevents+json")
    assert result == Rejected("unreadable-body", detail)


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
    assert read(body(), whatever=b"\xff", nothing=None) == received()


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


def test_without_a_record_timestamp_the_message_keeps_its_own() -> None:
    assert read(body(), at=BEGINNING) == received()


def test_half_an_emoji_is_repaired_alike_however_the_event_comes() -> None:
    cut = body(received(body="oi @")).replace(b"oi @", rb"oi \ud83d")
    assert read(cut) == received(body="oi ?")
    envelope = b'{"specversion":"1.0","type":"chatia.message.received.v1","data":%s}' % cut
    assert read(envelope, content_type=b"application/cloudevents+json") == received(body="oi ?")
    record_of_evolution = rb'{"event":"messages.upsert","instance":"x","data":"oi \ud83d"}'
    decoded = read(record_of_evolution, "evolution.global.call")
    assert (decoded.instance, decoded.data) == ("x", "oi ?")
