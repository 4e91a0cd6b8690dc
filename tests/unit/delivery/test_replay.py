"""Which records are replays, for whom, and what they carry."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner

from shared.delivery.outbox import partition_of
from shared.delivery.replay import Claim, Letter, Replays, claim_of, headers_for

OPEN = Letter(7, "contacts", "t", b"1:10:x", "open")


def record(
    service: bytes | None = b"contacts",
    letter_id: bytes | None = b"7",
    key: bytes | None = b"1:10:x",
    offset: int = 2,
) -> Any:
    headers: Any = (("chatia-replay-for", service), ("chatia-dead-letter-id", letter_id))
    return ConsumerRecord("t", 1, offset, 1_000, 0, key, b"{}", None, 0, 0, headers)


def fate(found: Any, letter: Letter = OPEN, service: str = "contacts") -> str:
    return Replays(service, [letter]).fate(found)


def test_a_letter_is_claimed_by_service_and_number() -> None:
    assert claim_of(record()) == Claim("contacts", 7)


@pytest.mark.parametrize(
    ("service", "letter_id"),
    [
        (None, b"7"),
        (b"", b"7"),
        (b"contacts", None),
        (b"contacts", b""),
        (b"contacts", b"-7"),
        (b"contacts", b"7.0"),
        (b"contacts", b" 7"),
        (b"contacts", "\u0667".encode()),
        (b"contacts", b"9" * 19),
        (b"contacts", b"9" * 5_000),
        (b"contacts", b"\xff\x00"),
    ],
)
def test_headers_that_make_no_sense_claim_nothing(
    service: bytes | None, letter_id: bytes | None
) -> None:
    assert claim_of(record(service, letter_id)) is None


@pytest.mark.parametrize("status", ["open", "replayed"])
def test_the_service_that_refused_a_record_reads_its_replay(status: str) -> None:
    assert fate(record(), Letter(7, "contacts", "t", b"1:10:x", status)) == ""


def test_every_other_service_skips_it() -> None:
    assert fate(record(), service="tickets") == "skipped"


@pytest.mark.parametrize("status", ["resolved", "discarded"])
def test_a_settled_letter_is_not_tried_again(status: str) -> None:
    assert fate(record(), Letter(7, "contacts", "t", b"1:10:x", status)) == "repeated"


def test_of_two_replays_in_a_batch_one_is_tried() -> None:
    replays = Replays("contacts", [OPEN])
    assert [replays.fate(record(offset=n)) for n in (5, 6, 7)] == ["", "repeated", "repeated"]


@pytest.mark.parametrize(
    "letter",
    [
        Letter(7, "contacts", "t", b"2:20:y", "resolved"),
        Letter(7, "contacts", "t", None, "resolved"),
        Letter(7, "contacts", "another", b"1:10:x", "resolved"),
        Letter(7, "tickets", "t", b"1:10:x", "resolved"),
        Letter(8, "contacts", "t", b"1:10:x", "resolved"),
    ],
)
def test_a_letter_that_is_not_the_records_own_decides_nothing(letter: Letter) -> None:
    assert fate(record(), letter) == ""


def test_a_record_without_a_key_can_be_replayed() -> None:
    assert fate(record(key=None), Letter(7, "contacts", "t", None, "resolved")) == "repeated"


def test_a_replay_keeps_its_headers_but_not_its_place_in_a_sequence() -> None:
    old = [
        ("ce_source", b"d/contacts/t/0/0"),
        ("ce_sequence", b"00000000000000000001.000000"),
        ("ce_id", b"x"),
        ("odd", None),
        ("chatia-replay-for", b"tickets"),
        ("chatia-dead-letter-id", b"3"),
    ]
    assert headers_for(7, "contacts", old) == (
        ("ce_id", b"x"),
        ("odd", None),
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", b"7"),
    )


def test_a_key_has_one_partition_whoever_publishes_it() -> None:
    places = list(range(12))
    for number in range(200):
        key = f"1:10:55119{number:08}"
        chosen = DefaultPartitioner()(key.encode(), places, places)
        assert chosen == partition_of(key, len(places))
