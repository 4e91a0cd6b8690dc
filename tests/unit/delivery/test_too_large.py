"""Records whose body was too large to be held in memory."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.checkpoints.continuity import compute_crc
from shared.delivery.dead_letters import deleted_tenants as leaving
from shared.delivery.dead_letters.store import build_dead_letter
from shared.delivery.kafka.fetch_sizes import measure_record
from shared.delivery.kafka.record import Headers, Rejected
from shared.delivery.kafka.too_large import TooLarge, build_size_marker, build_unreadable_marker
from shared.delivery.subscription import Subscription

MARKER = build_size_marker(9_000_000, 8_999_000, "abc")
EXPLANATION = (
    "the record has 9,000,000 bytes uncompressed; the limit is 8,388,608; "
    "its body has 8,999,000 bytes, SHA-256 abc"
)


def record(value: bytes = MARKER) -> Any:
    headers = (("ce_type", b"x"),)
    return ConsumerRecord("chatia.t", 0, 1, 5, 0, b"1:10:c", value, None, 6, 0, headers)


async def _handler(*_: object) -> Outcome:
    return []


def test_a_record_that_is_too_large_is_rejected_with_its_size_and_hash() -> None:
    decoder = RecordDecoder((Subscription((MessageReceived,), _handler, ("chatia.t",)),), "chatia")
    assert decoder.decode_body(record(), Headers()) == Rejected("too-large", EXPLANATION)


def test_its_dead_letter_has_headers_and_key_but_no_body() -> None:
    letter = build_dead_letter(record(), "too-large", EXPLANATION, company_id=1)
    assert (letter.body, letter.detail) == (None, EXPLANATION)
    assert (letter.key, json.loads(letter.headers)) == (b"1:10:c", [["ce_type", "x"]])


@pytest.mark.parametrize("reason", ["quarantined", "unreadable-header", "unheard-type"])
def test_too_large_replaces_every_other_reason(reason: str) -> None:
    letter = build_dead_letter(record(), reason, "…")
    assert (letter.reason, letter.detail, letter.body) == ("too-large", EXPLANATION, None)


def test_of_a_deleted_tenant_not_even_size_and_hash_are_kept() -> None:
    letter = build_dead_letter(record(), "too-large", EXPLANATION, company_id=1)
    refused = leaving.blank_if_deleted(record(), letter, {"1": False})
    assert (refused.reason, refused.detail) == ("being-deleted", "company 1 is being deleted")
    assert (refused.key, refused.headers, refused.body) == (None, "[]", None)


def test_a_checkpoint_recognises_each_too_large_record() -> None:
    again = TooLarge(bytes(MARKER))
    other = build_size_marker(9_000_000, 8_999_000, "abd")
    assert compute_crc(record()) == compute_crc(record(again)) != compute_crc(record(other))


def test_a_marker_takes_as_much_memory_as_its_sentence() -> None:
    assert measure_record(record(build_unreadable_marker("why"))) < 200
