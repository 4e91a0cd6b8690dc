"""Which lines are quarantined, and when it is the worker who cannot read."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.delivery.decode import Rejected
from shared.delivery.quarantine import EverythingUnreadableError, Quarantine, Runs, line_of

WHY = Rejected("unreadable-body", "the body is not JSON")


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
def test_a_record_is_of_the_line_that_its_key_names(key: bytes | None, line: str) -> None:
    assert line_of(record(key)) == line


def test_a_run_of_unreadable_records_quarantines_their_line() -> None:
    runs = Runs(3)
    found = [runs.unreadable(record(b"1:10:a"), WHY) for _ in range(3)]
    assert found == [None, None, Quarantine("1:10", WHY.reason, WHY.detail)]


def test_a_readable_record_of_the_line_ends_its_run() -> None:
    runs = Runs(2)
    runs.unreadable(record(b"1:10:a"), WHY)
    runs.readable(record(b"1:10:b"))
    assert runs.unreadable(record(b"1:10:a"), WHY) is None


def test_a_readable_record_of_another_line_does_not() -> None:
    runs = Runs(2)
    runs.unreadable(record(b"1:10:a"), WHY)
    runs.readable(record(b"1:11:b"))
    assert runs.unreadable(record(b"1:10:a"), WHY)


def test_a_batch_that_is_rolled_back_has_counted_nothing() -> None:
    runs = Runs(2)
    runs.copy().unreadable(record(b"1:10:a"), WHY)
    assert runs.unreadable(record(b"1:10:a"), WHY) is None


def test_when_several_lines_are_unreadable_the_fault_is_ours() -> None:
    runs = Runs(2)
    keys = (b"1:10:a", b"1:11:a", b"2:20:a")
    for number in range(19):
        runs.unreadable(record(keys[number % 3]), WHY)
    with pytest.raises(EverythingUnreadableError, match="of 3 lines, were all unreadable"):
        runs.unreadable(record(keys[0]), WHY)


def test_a_worker_that_has_read_something_can_read() -> None:
    runs = Runs(2)
    runs.readable(record(b"3:30:a"))
    found = [runs.unreadable(record(f"1:{n % 11}:a".encode()), WHY) for n in range(110)]
    assert sum(quarantine is not None for quarantine in found) == 55


def test_what_was_quoted_of_a_record_can_be_stored() -> None:
    runs = Runs(1)
    found = runs.unreadable(record(b"1:10:a"), Rejected("unknown-type", "\x00called \ud800"))
    assert found == Quarantine("1:10", "unknown-type", "called ?")


def test_one_line_alone_never_stops_the_worker() -> None:
    runs = Runs(2)
    assert sum(runs.unreadable(record(b"1:10:a"), WHY) is not None for _ in range(100)) == 50


def test_a_limit_of_nothing_counts_nothing() -> None:
    runs = Runs(0)
    assert not any(runs.unreadable(record(b"1:10:a"), WHY) for _ in range(100))
