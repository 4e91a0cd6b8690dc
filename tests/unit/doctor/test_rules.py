"""The rules on measured values, for what cannot be provoked cheaply on a real server."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition

from shared.doctor import backups, bloat, schema_checks, server, sessions, statistics, wal
from shared.doctor.checkpoints import judge_checkpoints, list_read_topics
from shared.doctor.findings import GB, MB, Code, Finding, Limits, Severity
from shared.doctor.indexes import Missing, build_search_index
from shared.doctor.run import judge_failure
from shared.doctor.server import Disk
from shared.doctor.sessions import Connections
from shared.doctor.statistics import DatabaseAge, TableActivity
from shared.doctor.wal import Archive, Slot
from shared.settings import Settings
from shared.status.database import StoredCheckpoint

LIMITS = Limits()
ERROR, WARNING = Severity.ERROR, Severity.WARNING
READ = {"tickets": {"chatia.message.stored"}}
PARTITION = TopicPartition("chatia.message.stored", 0)


def severity(found: Finding | None) -> Severity | None:
    return found.severity if found else None


def build_table(**values: object) -> TableActivity:
    usual = {"bytes": 100 * MB, "rows": 100_000, "dead": 0, "changed": 0, "is_analyzed": True}
    return TableActivity(**{"name": "Tickets", **usual, **values})  # type: ignore[arg-type]


def build_checkpoint(offset: int, aside: dict[str, list[int]] | None = None) -> StoredCheckpoint:
    return StoredCheckpoint("tickets", PARTITION.topic, 0, offset, 0, aside or {})


def build_age(age: int, multi_age: int, freeze_at: int) -> DatabaseAge:
    return DatabaseAge(
        "x", is_own=True, age=age, multi_age=multi_age, freeze_at=freeze_at, multi_freeze_at=1
    )


def build_archive(failed_s: float | None, archived_s: float | None, *, is_on: bool) -> Archive:
    return Archive(is_on=is_on, failures=5, failed_s=failed_s, archived_s=archived_s, wal="0001")


def build_slot(status: str, number: int, *, is_active: bool) -> Slot:
    return Slot("s", is_active=is_active, status=status, bytes=number)


@pytest.mark.parametrize(
    ("age", "multi_age", "expected"),
    [
        (200_000_000, 0, None),
        (749_000_000, 0, None),
        (751_000_000, 0, WARNING),
        (1_600_000_000, 0, ERROR),
        (0, 1_600_000_000, ERROR),
    ],
)
def test_transaction_ids_that_are_not_frozen_in_time(
    age: int, multi_age: int, expected: Severity | None
) -> None:
    found = statistics.judge_age(build_age(age, multi_age, 200_000_000))
    assert severity(found) is expected
    if found:
        assert (found.code, found.fix) == (Code.WRAPAROUND, "chatia db vacuum --freeze")


def test_the_age_at_which_autovacuum_was_told_to_begin_is_no_problem() -> None:
    late = build_age(1_000_000_000, 0, 1_000_000_000)
    assert statistics.judge_age(late) is None


def test_another_database_is_frozen_by_another_command() -> None:
    found = statistics.judge_age(
        DatabaseAge(
            "other", is_own=False, age=2_000_000_000, multi_age=0, freeze_at=1, multi_freeze_at=1
        )
    )
    assert found
    assert found.fix == "vacuumdb --freeze other"


def test_a_small_table_needs_no_statistics() -> None:
    small = build_table(is_analyzed=False, bytes=100_000)
    large = build_table(is_analyzed=False)
    (found,) = statistics.judge_statistics([small, large], LIMITS)
    assert (found.code, found.fix) == (
        Code.STATISTICS_MISSING,
        "chatia db analyze --table Tickets",
    )


@pytest.mark.parametrize(
    ("changed", "rows", "count"), [(50_999, 100_000, 0), (51_001, 100_000, 1), (900, 0, 0)]
)
def test_statistics_are_stale_when_half_of_the_rows_changed(
    changed: int, rows: int, count: int
) -> None:
    found = statistics.judge_statistics([build_table(changed=changed, rows=rows)], LIMITS)
    assert [each.code for each in found] == [Code.STATISTICS_STALE] * count


@pytest.mark.parametrize(
    ("dead", "rows", "is_found"),
    [(9_000, 100, False), (40_000, 100_000, False), (50_000, 100_000, True)],
)
def test_dead_rows_are_found_when_they_are_many_and_a_large_share(
    dead: int, rows: int, is_found: bool
) -> None:
    found = statistics.judge_dead_rows(build_table(dead=dead, rows=rows), LIMITS)
    assert [found.code] == [Code.DEAD_ROWS] if is_found and found else found is None


@pytest.mark.parametrize(("rows", "is_found"), [(1_000_000, False), (100_000, True)])
def test_bloat_is_what_rows_do_not_need(rows: float, is_found: bool) -> None:
    """A million rows of 100 bytes need about 128 MB as a table and 129 MB as an index."""
    stored = bloat.Stored("x", "Tickets", 160 * MB, rows, 100, 1.0)
    assert bool(bloat.judge_table(stored, LIMITS)) is is_found
    assert bool(bloat.judge_index(stored, LIMITS)) is is_found


def test_pages_that_are_left_empty_on_purpose_are_no_bloat() -> None:
    half = bloat.Stored("Checkpoints", "Checkpoints", 300 * MB, 1_000_000, 100, 0.5)
    assert bloat.judge_table(half, LIMITS) is None


def test_a_prepared_transaction_is_rolled_back_by_its_name() -> None:
    found = sessions.judge_prepared("job 7", "ana", 7200)
    assert found.code is Code.PREPARED_TRANSACTION
    assert "ROLLBACK PREPARED 'job 7'" in found.fix


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (Connections(97, -1, used=30, by_workers=24, workers=4), None),
        (Connections(97, -1, used=60, by_workers=20, workers=10), WARNING),
        (Connections(97, -1, used=97, by_workers=90, workers=16), ERROR),
        (Connections(97, 20, used=10, by_workers=4, workers=4), WARNING),
        (Connections(20, -1, used=40, by_workers=0, workers=0), ERROR),
    ],
)
def test_connections_of_all_workers_and_others_have_to_fit(
    measured: Connections, expected: Severity | None
) -> None:
    found = sessions.judge_connections(measured, per_worker=6)
    assert severity(found) is expected
    assert found is None or found.code is Code.CONNECTIONS_SHORT


@pytest.mark.parametrize(
    ("archive", "is_found"),
    [
        (build_archive(10.0, None, is_on=False), False),
        (build_archive(None, 5.0, is_on=True), False),
        (build_archive(600.0, 5.0, is_on=True), False),
        (build_archive(10.0, 600.0, is_on=True), True),
        (build_archive(10.0, None, is_on=True), True),
    ],
)
def test_an_archive_fails_if_its_last_attempt_did(archive: Archive, is_found: bool) -> None:
    found = wal.judge_archive(archive)
    assert (found is not None) is is_found
    assert found is None or (found.code, found.severity) == (Code.ARCHIVE_FAILS, ERROR)


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (build_slot("reserved", MB, is_active=True), None),
        (build_slot("reserved", 0, is_active=False), WARNING),
        (build_slot("extended", 2 * GB, is_active=True), ERROR),
        (build_slot("lost", 0, is_active=True), ERROR),
    ],
)
def test_a_slot_that_is_behind_holds_wal(slot: Slot, expected: Severity | None) -> None:
    found = wal.judge_slot(slot, LIMITS)
    assert severity(found) is expected
    assert found is None or found.code is Code.SLOT_HOLDS_WAL


def test_a_standby_takes_no_writes() -> None:
    found = wal.judge_writes(is_standby=True, is_read_only=False)
    assert found
    assert found.code is Code.READ_ONLY


@pytest.mark.parametrize(("name", "value"), server.UNSAFE)
def test_each_unsafe_setting_is_found(name: str, value: str) -> None:
    other = "on" if value == "off" else "off"
    (found,) = server.judge_settings({name: value})
    assert (found.code, found.severity) == (Code.SETTING_UNSAFE, ERROR)
    assert f"RESET {name}" in found.fix
    assert server.judge_settings({name: other}) == []


@pytest.mark.parametrize(
    ("buffers", "database", "count"),
    [
        (128 * MB, 4 * GB, 0),
        (64 * MB, 0, 1),
        (128 * MB, 10 * GB, 1),
        (1024 * MB, 900 * GB, 0),
    ],
)
def test_shared_buffers_fit_the_size_of_the_database(
    buffers: int, database: int, count: int
) -> None:
    found = [each.code for each in server.judge_buffers(buffers, database)]
    assert found == [Code.SETTING_SMALL] * count


def test_pages_with_a_wrong_checksum_are_an_error() -> None:
    assert list(server.judge_damage(0)) == []
    (found,) = server.judge_damage(3)
    assert (found.code, found.severity) == (Code.DATA_CORRUPT, ERROR)


@pytest.mark.parametrize(
    ("offset_s", "uncertainty_s", "words"),
    [(1.0, 0.0, ""), (5.0, 4.0, ""), (5.0, 0.1, "5 s ahead of"), (-90.0, 0.1, "90 s behind")],
)
def test_clocks_differ_only_if_it_is_certain(
    offset_s: float, uncertainty_s: float, words: str
) -> None:
    found = list(server.judge_clock(offset_s, uncertainty_s, LIMITS))
    assert [each.code for each in found] == ([Code.CLOCK_SKEW] if words else [])
    assert all(words in each.sentence for each in found)


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [
        (100 * GB, 50 * GB, None),
        (1000 * GB, 90 * GB, None),
        (100 * GB, 9 * GB, WARNING),
        (100 * GB, GB, ERROR),
    ],
)
def test_a_disk_gets_full(total: int, free: int, expected: Severity | None) -> None:
    found = list(server.judge_disks([Disk("data", total, free)] * 2, LIMITS))
    assert [(each.code, each.severity) for each in found] == (
        [(Code.DISK_LOW, expected)] if expected else []
    )


def test_the_disk_of_another_machine_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "pg_wal").mkdir()
    here = server.measure_disks(str(tmp_path), "127.0.0.1")
    assert here
    assert here[0].total >= here[0].free > 0
    for data, address in ((str(tmp_path), "10.0.0.7"), ("", ""), (str(tmp_path / "no"), "")):
        disks = server.measure_disks(data, address)
        assert [each.code for each in server.judge_disks(disks, LIMITS)] == [Code.DISK_UNKNOWN]


@pytest.mark.parametrize(
    ("age_s", "codes"),
    [(None, [Code.BACKUP_UNKNOWN]), (3600, []), (200_000, [Code.BACKUP_OLD])],
)
def test_a_backup_is_daily(age_s: float | None, codes: list[Code]) -> None:
    found = list(backups.judge_backup("/backups", age_s, LIMITS))
    assert [each.code for each in found] == codes
    assert all(each.severity is WARNING for each in found)


@pytest.mark.parametrize(
    ("row", "log", "codes"),
    [
        (build_checkpoint(10), (5, 20), []),
        (build_checkpoint(10), (10, 10), []),
        (build_checkpoint(10), (15, 20), [Code.CHECKPOINT_BEHIND_LOG]),
        (build_checkpoint(10), (0, 5), [Code.CHECKPOINT_BEYOND_LOG]),
        (build_checkpoint(10, {"7": [2, 4]}), (5, 20), [Code.CHECKPOINT_BEHIND_LOG]),
        (build_checkpoint(10, {"7": [6, 8]}), (5, 20), []),
    ],
)
def test_a_log_has_to_hold_what_is_still_to_be_read(
    row: StoredCheckpoint, log: tuple[int, int], codes: list[Code]
) -> None:
    assert [each.code for each in judge_checkpoints([row], {PARTITION: log}, READ)] == codes


def test_deferred_records_that_the_bulk_path_has_read_may_be_gone() -> None:
    rows = [
        build_checkpoint(10, {"7": [2, 8]}),
        StoredCheckpoint("tickets.bulk", PARTITION.topic, 0, 7, 0, {}),
    ]
    assert list(judge_checkpoints(rows, {PARTITION: (6, 20)}, READ)) == []


def test_a_topic_that_is_gone_was_read_and_one_that_nobody_reads_does_not_matter() -> None:
    (found,) = judge_checkpoints([build_checkpoint(3)], {}, READ)
    assert found.code is Code.CHECKPOINT_BEYOND_LOG
    assert list(judge_checkpoints([build_checkpoint(3)], {}, {"tickets": ()})) == []


def test_every_service_reads_topics() -> None:
    read = list_read_topics(Settings())
    assert "chatia.message.received" in read["contacts"]
    assert "chatia.message.send" in read["messages"]


def test_a_search_index_that_can_be_built_needs_no_extension() -> None:
    wanted = build_search_index("extensions")
    without = schema_checks.judge_missing(Missing([], [], has_search_index=False))[0]
    buildable = Missing([], [], has_search_index=False, search_index=wanted)
    found = schema_checks.judge_missing(buildable)[0]
    assert found.fix == "chatia db reindex --missing"
    assert found.cause.startswith("Somebody dropped it")
    assert without.fix.endswith('"CREATE EXTENSION pg_trgm", then chatia db reindex --missing')
    assert buildable.list_buildable() == [wanted]
    assert "extensions.gin_trgm_ops" in wanted.statements[0]


def test_a_check_that_took_too_long_names_locks_and_another_failure_the_owner() -> None:
    slow = judge_failure("bloat", "canceling statement due to lock timeout", is_too_slow=True)
    other = judge_failure("bloat", "permission denied", is_too_slow=False)
    assert slow.fix.startswith("chatia db locks")
    assert other.fix == "chatia db doctor, as the owner of the database"
