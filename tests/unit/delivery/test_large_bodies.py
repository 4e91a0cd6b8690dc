"""A large body is read in another way than a small one, and means the same."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.contracts.message import MessageReceived
from shared.delivery.batch.decoder import LARGE, RecordDecoder, _validate
from shared.delivery.dead_letters.blanking import MOST_NAMES, blank_secrets
from shared.delivery.kafka.record import Headers, Rejected
from shared.delivery.subscription import Subscription
from tests.laws.samples import SAMPLES
from tests.unit.delivery.test_decoder import _handler, record

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.0, 1.5, 10**12, 10**30, "", "1", "true", " 1", "\0", "x",
    "2026-08-20T12:00:00Z", "2026-08-20", 1_790_000_000, "1790000000", [], [1], ["x"], {}, {"a": 1},
)  # fmt: skip
SPACES = b" " * LARGE  # around JSON, which means nothing


@pytest.mark.parametrize("contract", SAMPLES, ids=lambda contract: contract.__name__)
def test_a_large_body_is_the_same_event_as_a_small_one(contract: Any) -> None:
    event = SAMPLES[contract].batch(1)[0]
    outside = () if hasattr(contract, "topic") else ("theirs",)
    table = RecordDecoder((Subscription((contract,), _handler, outside),), "chatia")
    (topic,) = table.topics
    type_name = contract.ce_type() if hasattr(contract, "ce_type") else ""
    small = event.model_dump_json(by_alias=True).encode()
    read = [
        table.decode_body(record(value, topic), Headers(type=type_name))
        for value in (small, small + SPACES)
    ]
    assert read[0] == read[1]
    assert not isinstance(read[0], Rejected)


@pytest.mark.parametrize("contract", SAMPLES, ids=lambda contract: contract.__name__)
def test_both_ways_accept_and_reject_the_same_values(contract: Any) -> None:
    event = SAMPLES[contract].batch(1)[0]
    members = json.loads(event.model_dump_json(by_alias=True))
    for name in {field.alias or name for name, field in contract.model_fields.items()}:
        for value in ODD:
            body = json.dumps(members | {name: value}).encode()
            small, large = (validate_or_none(contract, each) for each in (body, body + SPACES))
            assert small == large, (name, value)


def validate_or_none(contract: Any, body: bytes) -> BaseModel | None:
    try:
        found: BaseModel = _validate(contract, body)
    except ValidationError:
        return None
    return found


@pytest.mark.parametrize("body", [b'{"companyId":1', b'{"companyId":"x"}', b"[1]", b'"text"'])
def test_a_large_body_is_rejected_for_the_same_reason_as_a_small_one(body: bytes) -> None:
    table = RecordDecoder((Subscription((MessageReceived,), _handler),), "chatia")
    type_name = MessageReceived.ce_type()
    reasons = [
        table.decode_body(record(value), Headers(type=type_name)) for value in (body, SPACES + body)
    ]
    assert isinstance(reasons[0], Rejected)
    assert isinstance(reasons[1], Rejected)
    assert reasons[0].detail.split(" at line")[0] == reasons[1].detail.split(" at line")[0]


def test_what_follows_more_names_than_are_looked_at_is_hidden() -> None:
    members = b",".join([b'"a":1'] * MOST_NAMES)
    body = b'{"token":"secret",' + members + b',"token":"another"}'
    kept = blank_secrets("chatia.message.received", body)
    assert kept
    assert b"secret" not in kept
    assert b"another" not in kept
    assert kept.startswith(b'{"token":"","a":1')


def test_what_follows_more_parameters_than_are_looked_at_is_hidden() -> None:
    body = b"token=secret&" + b"a=1&" * MOST_NAMES + b"token=another"
    kept = blank_secrets("chatia.message.received", body)
    assert kept == b"token=&" + b"a=1&" * (MOST_NAMES - 1)


def test_a_piece_of_json_is_searched_for_parameters_too() -> None:
    kept = blank_secrets("chatia.message.received", b'1,"note":"a=1&token=secret"')
    assert kept == b'1,"note":"a=1&token='


def test_a_body_in_which_no_secret_can_be_is_kept_whole() -> None:
    body = b"a=1&" * (2 * MOST_NAMES)
    assert blank_secrets("chatia.message.received", body) is body
