"""Runs of unreadable records: which lines they quarantine, and when the worker is at fault."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.delivery.dead_letters.quarantine import (
    EverythingUnreadableError,
    Quarantine,
    UnreadableRuns,
    find_line,
)
from shared.delivery.kafka.record import Rejected

REJECTED = Rejected("unreadable-body", "the body is not JSON")


def record(key: bytes | None) -> Any:
    return ConsumerRecord("chatia.message.received", 0, 0, 0, 0, key, b"", None, 0, 0, ())


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (b"1:10:5511900000001", "1:10"),
        (b"1:10", "1:10"),
        (b"1:10x:1", "1:10x:1"),
        (b"instance-of-evolution", "instance-of-evolution"),
        (b"\xff\xfe", "chatia.message.received"),
        (b"x" * 256, "chatia.message.received"),
        (b"1" * 300 + b":1", "chatia.message.received"),
        (b"", "chatia.message.received"),
        (None, "chatia.message.received"),
    ],
)
def test_the_line_of_a_record_is_in_its_key(key: bytes | None, line: str) -> None:
    assert find_line(record(key)) == line


def test_a_run_of_unreadable_records_quarantines_their_line() -> None:
    runs = UnreadableRuns(3)
    quarantines = [runs.count_unreadable(record(b"1:10:a"), REJECTED) for _ in range(3)]
    assert quarantines == [None, None, Quarantine("1:10", REJECTED.reason, REJECTED.detail)]


def test_a_readable_record_of_the_line_ends_its_run() -> None:
    runs = UnreadableRuns(2)
    runs.count_unreadable(record(b"1:10:a"), REJECTED)
    runs.note_readable(record(b"1:10:b"))
    assert runs.count_unreadable(record(b"1:10:a"), REJECTED) is None


def test_a_readable_record_of_another_line_ends_no_run() -> None:
    runs = UnreadableRuns(2)
    runs.count_unreadable(record(b"1:10:a"), REJECTED)
    runs.note_readable(record(b"1:11:b"))
    assert runs.count_unreadable(record(b"1:10:a"), REJECTED)


def test_a_batch_that_is_rolled_back_has_counted_nothing() -> None:
    runs = UnreadableRuns(2)
    runs.copy().count_unreadable(record(b"1:10:a"), REJECTED)
    assert runs.count_unreadable(record(b"1:10:a"), REJECTED) is None


def test_an_error_is_raised_when_several_lines_are_unreadable() -> None:
    runs = UnreadableRuns(2)
    keys = (b"1:10:a", b"1:11:a", b"2:20:a")
    for number in range(19):
        runs.count_unreadable(record(keys[number % 3]), REJECTED)
    with pytest.raises(EverythingUnreadableError, match="of 3 lines, were all unreadable"):
        runs.count_unreadable(record(keys[0]), REJECTED)


def test_no_error_is_raised_once_a_record_was_readable() -> None:
    runs = UnreadableRuns(2)
    runs.note_readable(record(b"3:30:a"))
    quarantines = [
        runs.count_unreadable(record(f"1:{n % 11}:a".encode()), REJECTED) for n in range(110)
    ]
    assert sum(quarantine is not None for quarantine in quarantines) == 55


def test_a_detail_that_quotes_a_record_is_storable() -> None:
    runs = UnreadableRuns(1)
    quarantines = runs.count_unreadable(
        record(b"1:10:a"), Rejected("unknown-type", "\x00called \ud800")
    )
    assert quarantines == Quarantine("1:10", "unknown-type", "called ?")


def test_a_single_line_raises_no_error() -> None:
    runs = UnreadableRuns(2)
    assert (
        sum(runs.count_unreadable(record(b"1:10:a"), REJECTED) is not None for _ in range(100))
        == 50
    )


def test_a_limit_of_0_counts_nothing() -> None:
    runs = UnreadableRuns(0)
    assert not any(runs.count_unreadable(record(b"1:10:a"), REJECTED) for _ in range(100))
