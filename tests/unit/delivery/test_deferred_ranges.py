"""Which records of a partition are deferred."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.delivery.dead_letters.replay import REPLAY_FOR
from shared.delivery.fairness.deferred_ranges import (
    OffsetRange,
    extend_ranges,
    is_deferred,
    read_tenant_key,
)

REPLAYED = ((REPLAY_FOR, b"1/contacts"),)


def record(offset: int, key: bytes | None, headers: tuple[Any, ...] = ()) -> Any:
    return ConsumerRecord("t", 0, offset, 0, 0, key, b"{}", None, 0, 0, headers)


@pytest.mark.parametrize(
    ("key", "tenant_key"),
    [
        (b"7:10:5511", "7"),
        (b"loja", "loja"),
        (None, ""),
        (b"", ""),
        (b"\xff\xfe:1", "\ufffd\ufffd"),
        (b"\x00:1", ""),
        (b"x" * 65, ""),
    ],
)
def test_a_tenant_key_is_the_first_part_of_a_key(key: bytes | None, tenant_key: str) -> None:
    assert read_tenant_key(record(0, key)) == tenant_key


def test_only_a_noisy_tenant_is_deferred_from_its_first_record_on() -> None:
    records = [record(number, key) for number, key in enumerate([b"1:a", b"9:a", b"1:b", b"9:b"])]
    ranges = extend_ranges(records, {}, frozenset({"9"}))
    assert ranges == {"9": OffsetRange(1, 3)}
    assert [is_deferred(each, ranges) for each in records] == [False, True, False, True]


def test_a_deferred_tenant_stays_deferred_when_it_is_quiet_again() -> None:
    records = [record(5, b"9:a"), record(6, b"1:a")]
    ranges = extend_ranges(records, {"9": OffsetRange(1, 3)}, frozenset())
    assert ranges == {"9": OffsetRange(1, 5)}
    assert not is_deferred(record(6, b"9:a"), ranges)
    assert not is_deferred(record(0, b"9:a"), ranges)


def test_a_replayed_dead_letter_is_never_deferred() -> None:
    replayed = record(2, b"9:a", REPLAYED)
    assert extend_ranges([replayed], {}, frozenset({"9"})) == {}
    assert not is_deferred(replayed, {"9": OffsetRange(1, 3)})
