"""Replays: which records are some, for which service, and their headers."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner

from shared.delivery.dead_letters.replay import (
    Claim,
    Replays,
    ReplayTarget,
    SkipReason,
    build_replay_headers,
    read_claim,
)
from shared.delivery.kafka.outgoing import choose_partition

OPEN = ReplayTarget(7, "contacts", "t", b"1:10:x", "open")


def record(
    service: bytes | None = b"contacts",
    letter_id: bytes | None = b"7",
    key: bytes | None = b"1:10:x",
    offset: int = 2,
) -> Any:
    headers: Any = (("chatia-replay-for", service), ("chatia-dead-letter-id", letter_id))
    return ConsumerRecord("t", 1, offset, 1_000, 0, key, b"{}", None, 0, 0, headers)


def find_skip_reason(
    replay: Any, letter: ReplayTarget = OPEN, service: str = "contacts"
) -> SkipReason | None:
    return Replays(service, [letter]).find_skip_reason(replay)


def test_the_headers_name_a_service_and_a_dead_letter() -> None:
    assert read_claim(record()) == Claim("contacts", 7)


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
def test_malformed_headers_claim_nothing(service: bytes | None, letter_id: bytes | None) -> None:
    assert read_claim(record(service, letter_id)) is None


@pytest.mark.parametrize("status", ["open", "replayed"])
def test_the_service_that_rejected_a_record_takes_its_replay(status: str) -> None:
    assert find_skip_reason(record(), ReplayTarget(7, "contacts", "t", b"1:10:x", status)) is None


def test_other_services_skip_a_replay() -> None:
    assert find_skip_reason(record(), service="tickets") is SkipReason.OF_OTHER_SERVICE


@pytest.mark.parametrize("status", ["resolved", "discarded"])
def test_a_resolved_or_discarded_dead_letter_is_not_tried_again(status: str) -> None:
    assert (
        find_skip_reason(record(), ReplayTarget(7, "contacts", "t", b"1:10:x", status))
        is SkipReason.REPEATED
    )


def test_of_two_replays_in_a_batch_one_is_tried() -> None:
    replays = Replays("contacts", [OPEN])
    assert [replays.find_skip_reason(record(offset=n)) for n in (5, 6, 7)] == [
        None,
        SkipReason.REPEATED,
        SkipReason.REPEATED,
    ]


@pytest.mark.parametrize(
    "letter",
    [
        ReplayTarget(7, "contacts", "t", b"2:20:y", "resolved"),
        ReplayTarget(7, "contacts", "t", None, "resolved"),
        ReplayTarget(7, "contacts", "another", b"1:10:x", "resolved"),
        ReplayTarget(7, "tickets", "t", b"1:10:x", "resolved"),
        ReplayTarget(8, "contacts", "t", b"1:10:x", "resolved"),
    ],
)
def test_the_dead_letter_of_another_record_is_ignored(letter: ReplayTarget) -> None:
    assert find_skip_reason(record(), letter) is None


def test_a_record_without_a_key_can_be_replayed() -> None:
    assert (
        find_skip_reason(record(key=None), ReplayTarget(7, "contacts", "t", None, "resolved"))
        is SkipReason.REPEATED
    )


def test_a_replay_keeps_its_headers_without_source_and_sequence() -> None:
    old = [
        ("ce_source", b"d/contacts/t/0/0"),
        ("ce_sequence", b"00000000000000000001.000000"),
        ("ce_id", b"x"),
        ("odd", None),
        ("chatia-replay-for", b"tickets"),
        ("chatia-dead-letter-id", b"3"),
    ]
    assert build_replay_headers(7, "contacts", old) == (
        ("ce_id", b"x"),
        ("odd", None),
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", b"7"),
    )


def test_every_publisher_chooses_the_same_partition_for_a_key() -> None:
    partitions = list(range(12))
    for number in range(200):
        key = f"1:10:55119{number:08}"
        chosen = DefaultPartitioner()(key.encode(), partitions, partitions)
        assert chosen == choose_partition(key, len(partitions))
