"""Which records continue what a worker has read of a partition."""

from dataclasses import replace
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from shared.delivery.checkpoints.continuity import build_last_record, compute_crc
from shared.delivery.checkpoints.positions import (
    Fit,
    Position,
    Positions,
    drop_partitions,
    find_first_offsets,
    group_by_partition,
)

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


def record(offset: int, partition: int = 0) -> Any:
    return ConsumerRecord("t", partition, offset, 5, 0, b"k", b"v", None, 0, 0, ())


def test_the_next_record_follows() -> None:
    assert Position(3).check_fit(record(3)) is Fit.FOLLOWS


def test_records_before_a_position_are_trusted_only_after_a_seek() -> None:
    position = Position(3)
    assert position.check_fit(record(1)) is Fit.FOLLOWS
    assert position.check_fit(record(1)) is Fit.BEHIND


def test_a_gap_is_believed_when_a_seek_finds_its_end_again() -> None:
    position = Position(3)
    assert position.check_fit(record(7)) is Fit.SKIPPED_SOME
    position.after_seek = True
    assert position.check_fit(record(7)) is Fit.AFTER_A_GAP


def test_the_last_record_is_read_again_and_compared_once() -> None:
    last = build_last_record(3, 5, compute_crc(record(2)))
    position = Position(3, last)
    assert position.seek_offset == 2
    assert position.check_fit(record(2)) is Fit.FOLLOWS
    assert position.seek_offset == 3
    assert Position(3, last).check_fit(replace(record(2), value=b"w")) is Fit.OTHER_LOG


def test_a_partition_is_unclaimed_without_a_position_or_with_unpublished_facts() -> None:
    positions = Positions()
    positions[FIRST] = Position(3)
    assert positions.find_unclaimed([FIRST, SECOND]) == {SECOND}
    positions.mark_committed({FIRST: 4}, {FIRST: {"9": [1, 2]}})
    assert positions.find_unclaimed([FIRST]) == {FIRST}
    assert positions.find_published_outboxes([FIRST]) == {}
    positions.mark_published([FIRST])
    assert positions.find_unclaimed([FIRST]) == set()
    assert positions.find_published_outboxes([FIRST, SECOND]) == {FIRST: 4}
    assert positions[FIRST].deferred == {"9": [1, 2]}


def test_a_partition_that_was_claimed_again_is_changed() -> None:
    positions = Positions()
    positions[FIRST], positions[SECOND] = Position(3), Position(3)
    snapshot = positions.take_snapshot()
    positions.mark_committed({SECOND: 9}, {})
    positions[FIRST] = Position(3)
    assert positions.find_changed(snapshot) == {FIRST}


def test_records_are_grouped_and_dropped_by_partition() -> None:
    records = [record(4), record(8, 1), record(5)]
    assert group_by_partition(records) == {FIRST: [record(4), record(5)], SECOND: [record(8, 1)]}
    assert find_first_offsets(records) == {FIRST: 4, SECOND: 8}
    assert drop_partitions([records, [record(9, 1)]], [SECOND]) == [[record(4), record(5)]]
