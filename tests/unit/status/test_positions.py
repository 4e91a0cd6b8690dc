"""Where services read on, and how late they are."""

from aiokafka import TopicPartition

from shared.settings import Settings
from shared.status.database import StoredCheckpoint
from shared.status.figures import DeferredCompany, Stage
from shared.status.positions import (
    ReadFrom,
    build_stages,
    choose_topics,
    find_reads,
    list_deferred,
)

SETTINGS = Settings(namespace="chatia", evolution_prefix="evo")
TOPIC = "chatia.message.received"
FIRST, SECOND = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
TOPICS = {"contacts": {TOPIC}}


def checkpoint(
    next_offset: int,
    partition: int = 0,
    service: str = "contacts",
    epoch: int = 0,
    **aside: list[int],
) -> StoredCheckpoint:
    """Return a checkpoint; `aside` has the ranges of companies as `c7=[3, 9]`."""
    ranges = {name.removeprefix("c"): offsets for name, offsets in aside.items()}
    return StoredCheckpoint(service, TOPIC, partition, next_offset, epoch, ranges)


def find(*checkpoints: StoredCheckpoint, begin: int = 0, end: int = 10) -> list[tuple[int, int]]:
    """Return offset and end of each read of the first partition."""
    reads = find_reads(TOPICS, checkpoints, {FIRST: begin}, {FIRST: end})
    return [(read.offset, read.end) for read in reads]


def test_the_topics_of_a_service_are_those_of_its_members() -> None:
    chosen = choose_topics(SETTINGS, {"contacts": {"chatia.message.received"}}, [])
    assert chosen["contacts"] == {"chatia.message.received"}


def test_without_members_the_contracts_and_checkpoints_name_the_topics() -> None:
    old = StoredCheckpoint("contacts", "chatia.old.topic", 0, 1, 0, {})
    chosen = choose_topics(SETTINGS, {"contacts": set()}, [old])
    assert {"chatia.old.topic", "chatia.message.received"} <= chosen["contacts"]
    assert "chatia.message.send" not in chosen["messages"]
    assert "evo.global.call" in chosen["messages"]
    assert "evo.global.call" not in chosen["contacts"]


def test_a_read_begins_at_the_checkpoint() -> None:
    assert find(checkpoint(4)) == [(4, 10)]
    assert find(checkpoint(10)) == []


def test_without_a_checkpoint_a_read_begins_with_the_log() -> None:
    assert find(begin=3) == [(3, 10)]


def test_records_that_retention_removed_are_no_backlog() -> None:
    assert find(checkpoint(1), begin=6) == [(6, 10)]


def test_deferred_records_are_read_from_the_first_that_the_bulk_path_has_not_taken() -> None:
    main = checkpoint(10, c7=[2, 6], c8=[4, 5])
    assert find(main) == [(2, 7)]
    assert find(main, checkpoint(5, service="contacts.bulk")) == [(5, 7)]


def test_the_bulk_path_of_another_log_has_taken_nothing_of_this_one() -> None:
    main = checkpoint(10, epoch=1, c7=[2, 6])
    assert find(main, checkpoint(5, service="contacts.bulk", epoch=0)) == [(2, 7)]


def test_a_stage_is_as_late_as_its_oldest_record_on_any_path() -> None:
    main = ReadFrom("contacts", FIRST, 4, 10)
    other = ReadFrom("contacts", SECOND, 1, 3)
    (deferred,) = find_reads(TOPICS, [checkpoint(10, c7=[2, 6])], {FIRST: 0}, {FIRST: 10})
    ages = {main: 5.0, other: 1.0, deferred: 60.0}
    stages = build_stages(TOPICS, "chatia", [FIRST, SECOND], [main, other, deferred], ages)
    assert stages == [Stage("contacts", "message.received", 8, 60.0)]


def test_a_stage_without_records_is_not_late() -> None:
    assert build_stages(TOPICS, "chatia", [FIRST], [], {}) == [
        Stage("contacts", "message.received", 0, 0.0)
    ]


def test_backlog_and_lateness_are_unknown_without_an_answer() -> None:
    assert build_stages(TOPICS, "chatia", [FIRST], None, None) == [
        Stage("contacts", "message.received", None, None)
    ]


def test_topics_that_do_not_exist_are_no_stages() -> None:
    assert build_stages(TOPICS, "chatia", [], [], {}) == []


def test_deferred_companies_are_counted_over_all_partitions() -> None:
    rows = [
        checkpoint(10, c7=[2, 6], c8=[4, 5]),
        checkpoint(10, partition=1, c7=[0, 0]),
        checkpoint(5, service="contacts.bulk"),
    ]
    assert list_deferred(rows) == [
        DeferredCompany("contacts", "7", 3),
        DeferredCompany("contacts", "8", 1),
    ]
