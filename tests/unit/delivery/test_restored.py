"""A database that went back in time is recognised, and facts of the lost time are dropped."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from shared.db.identity import describe_change
from shared.delivery.checkpoints.restored import LostFacts, build_note, find_behind
from shared.recovery.finish import (
    choose_epoch,
    count_records,
    find_lost_logs,
    find_send_starts,
    is_foreign,
    list_logs,
)
from shared.recovery.statements import StoredCheckpoint

OURS, OTHERS = "d0000000-0000-4000-8000-000000000001", "d0000000-0000-4000-8000-000000000002"
PLACE, NEXT = TopicPartition("chatia.message.send", 0), TopicPartition("chatia.message.send", 1)


def commit(offset: int, epoch: int, deployment: str = OURS) -> OffsetAndMetadata:
    return OffsetAndMetadata(offset, build_note(deployment, epoch))


@pytest.mark.parametrize(
    ("committed", "checkpoint", "is_behind"),
    [
        (commit(5, 0), (0, 5), False),
        (commit(5, 0), (0, 7), False),  # a commit to Kafka may fail
        (commit(5, 0), (0, 4), True),
        (commit(5, 0), None, True),
        (commit(5, 0), (1, 0), False),  # an operator began anew
        (commit(5, 2), (1, 9), True),  # that, too, was in the lost time
        (commit(5, 0, OTHERS), (0, 4), False),
        (commit(5, 0, OTHERS), None, False),
        (OffsetAndMetadata(5, ""), (0, 4), True),  # of an earlier version
        (OffsetAndMetadata(5, ""), (1, 4), False),
        (OffsetAndMetadata(5, ""), None, False),
        (OffsetAndMetadata(5, "a note of somebody"), (0, 4), False),
    ],
)
def test_checkpoints_behind_their_committed_offsets_are_found(
    committed: OffsetAndMetadata, checkpoint: tuple[int, int] | None, is_behind: bool
) -> None:
    checkpoints = {PLACE: checkpoint} if checkpoint else {}
    assert find_behind(OURS, {PLACE: committed}, checkpoints) == ([PLACE] if is_behind else [])


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        (commit(5, 3), False),
        (commit(5, 3, OTHERS), True),  # of a backup of another deployment
        (OffsetAndMetadata(5, ""), False),
        (OffsetAndMetadata(-1, ""), False),
    ],
)
def test_offsets_of_another_deployment_are_not_taken_for_ours(
    committed: OffsetAndMetadata, expected: bool
) -> None:
    assert is_foreign(OURS, {"tickets": {NEXT: commit(1, 0), PLACE: committed}}) is expected


def test_facts_of_the_lost_time_are_those_from_the_restored_position_on() -> None:
    lost = LostFacts({"d/tickets/t/0/0": f"{7:020d}"})
    assert not lost.includes("d/tickets/t/0/0", f"{6:020d}.000003")
    assert lost.includes("d/tickets/t/0/0", f"{7:020d}.000000")
    assert not lost.includes("d/tickets/t/0/1", f"{7:020d}.000000")
    assert not lost.includes(None, f"{7:020d}.000000")
    assert not LostFacts().includes("d/tickets/t/0/0", f"{9:020d}.000000")


@pytest.mark.parametrize(
    ("recorded", "actual", "change"),
    [
        ("7/5/1", "7/5/1", ""),
        (None, "7/5/1", ""),
        ("7/5/1", None, ""),
        ("7/5/1", "8/9/1", "cluster 8 instead of 7"),
        ("7/5/1", "7/9/1", "database 9 instead of 5"),
        ("7/5/1", "7/5/2", "timeline 2 instead of 1"),
    ],
)
def test_another_database_is_described(
    recorded: str | None, actual: str | None, change: str
) -> None:
    sentence = describe_change(recorded, actual)
    assert change in sentence
    assert bool(change) == ("chatia db recover --finish" in sentence)


def test_the_new_epoch_is_above_those_of_the_lost_time() -> None:
    stored = [StoredCheckpoint("tickets", "t", 0, 1, 5)]
    assert choose_epoch(OURS, {"tickets": {PLACE: commit(9, 4)}}, stored) == 5
    assert choose_epoch(OURS, {"tickets": {PLACE: commit(9, 4, OTHERS)}}, stored) == 2
    assert choose_epoch(OURS, {}, []) == 1


def test_sends_are_looked_for_from_the_lower_one_of_both_paths() -> None:
    stored = [
        StoredCheckpoint("messages", PLACE.topic, 0, 0, 9),
        StoredCheckpoint("messages.bulk", PLACE.topic, 0, 0, 4),
        StoredCheckpoint("messages", PLACE.topic, 1, 0, 2),
        StoredCheckpoint("tickets", "chatia.message.routed", 0, 0, 1),
    ]
    assert find_send_starts(stored, {PLACE: 0, NEXT: 3}, "chatia") == {PLACE: 4, NEXT: 3}


def test_records_to_read_again_and_lost_ones_are_counted() -> None:
    stored = [
        StoredCheckpoint("messages", PLACE.topic, 0, 0, 2),
        StoredCheckpoint("messages.bulk", PLACE.topic, 0, 0, 2),
        StoredCheckpoint("messages", PLACE.topic, 1, 0, 8),
        StoredCheckpoint("messages", "timer:answers", 0, 0, 8),
    ]
    begins, ends = {PLACE: 5, NEXT: 0}, {PLACE: 10, NEXT: 8}
    assert list_logs(stored) == [PLACE, NEXT]
    assert count_records(stored, begins, ends) == 5
    lost = [(each.service, each.partition, each.records) for each in find_lost_logs(stored, begins)]
    assert lost == [("messages", 0, 3), ("messages.bulk", 0, 3)]
