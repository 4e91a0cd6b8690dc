"""What becomes of a record whose body was too large to be held."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery import leaving
from shared.delivery.continuity import crc_of
from shared.delivery.dead_letters import dead_letter
from shared.delivery.decode import Headers, Rejected, SortingTable
from shared.delivery.in_flight import size_of
from shared.delivery.subscription import Subscription
from shared.delivery.too_large import TooLarge, out_of_reach, too_many_bytes

MARKER = too_many_bytes(9_000_000, 8_999_000, "abc")
SAYS = (
    "the record has 9,000,000 bytes uncompressed; the limit is 8,388,608; "
    "its body has 8,999,000 bytes, SHA-256 abc"
)


def record(value: bytes = MARKER) -> Any:
    headers = (("ce_type", b"x"),)
    return ConsumerRecord("chatia.t", 0, 1, 5, 0, b"1:10:c", value, None, 6, 0, headers)


async def _handler(*_: object) -> Outcome:
    return []


def test_it_is_rejected_with_its_size_and_hash() -> None:
    table = SortingTable((Subscription((MessageReceived,), _handler, ("chatia.t",)),), "chatia")
    assert table.read(record(), Headers()) == Rejected("too-large", SAYS)


def test_its_letter_has_headers_and_key_but_no_body() -> None:
    letter = dead_letter(record(), "too-large", SAYS, company_id=1)
    assert (letter.body, letter.detail) == (None, SAYS)
    assert (letter.key, json.loads(letter.headers)) == (b"1:10:c", [["ce_type", "x"]])


@pytest.mark.parametrize("reason", ["quarantined", "unreadable-header", "unheard-type"])
def test_whatever_else_is_wrong_it_is_too_large(reason: str) -> None:
    letter = dead_letter(record(), reason, "…")
    assert (letter.reason, letter.detail, letter.body) == ("too-large", SAYS, None)


def test_of_who_leaves_not_even_size_and_hash_are_kept() -> None:
    letter = dead_letter(record(), "too-large", SAYS, company_id=1)
    refused = leaving.without_words(record(), letter, {"1": False})
    assert (refused.reason, refused.detail) == ("being-deleted", "company 1 is being deleted")
    assert (refused.key, refused.headers, refused.body) == (None, "[]", None)


def test_a_checkpoint_tells_one_from_another() -> None:
    again = TooLarge(bytes(MARKER))
    other = too_many_bytes(9_000_000, 8_999_000, "abd")
    assert crc_of(record()) == crc_of(record(again)) != crc_of(record(other))


def test_it_takes_no_more_than_its_sentence() -> None:
    assert size_of(record(out_of_reach("why"))) < 200
