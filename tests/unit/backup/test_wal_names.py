"""Names of WAL files, and the run of them that leads to a point."""

import pytest

from shared.backup.continuous.wal_folder import END_OF_TRANSACTION
from shared.backup.continuous.wal_names import (
    Lineage,
    Run,
    Segment,
    choose_lineage,
    find_run,
    format_position,
    parse_lineage,
    parse_position,
    parse_segment,
)

MB16, GB = 2**24, 2**30
HISTORY_2 = "1\t0/5000000\tno recovery target specified\n"
HISTORY_3 = f"{HISTORY_2}2\t0/8000000\tbefore 2026-11-30 12:00:00+00\n"


@pytest.mark.parametrize(
    ("written", "position"), [("0/0", 0), ("0/3000028", 0x3000028), ("16/B374D848", 0x16B374D848)]
)
def test_a_position_is_read_as_it_is_written(written: str, position: int) -> None:
    assert parse_position(written) == position
    assert format_position(position) == written


@pytest.mark.parametrize("written", ["", "/", "16", "16/", "16/XYZ", "123456789/0", "16/0 "])
def test_what_is_no_position_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a position of the WAL"):
        parse_position(written)


@pytest.mark.parametrize(
    ("name", "segment_bytes", "segment"),
    [
        ("000000010000000000000003", MB16, Segment(3, 1)),
        ("0000000A00000002000000FF", MB16, Segment(2 * 256 + 255, 10)),
        ("000000010000000200000003", GB, Segment(2 * 4 + 3, 1)),
    ],
)
def test_a_segment_is_counted_over_all_logs(
    name: str, segment_bytes: int, segment: Segment
) -> None:
    assert parse_segment(name, segment_bytes) == segment
    assert segment.build_name(segment_bytes) == name


@pytest.mark.parametrize(
    "name",
    [
        "00000002.history",
        "000000010000000000000003.00000028.backup",
        "000000010000000000000003.partial",
        "archive.sh",
    ],
)
def test_other_files_are_no_segments(name: str) -> None:
    assert parse_segment(name, MB16) is None


def test_a_history_lists_the_timelines_before_it() -> None:
    lineage = parse_lineage(3, HISTORY_3)
    assert lineage.begins == ((1, 0), (2, 0x5000000), (3, 0x8000000))
    assert lineage.last == 3
    found = [lineage.find_timeline(number, MB16) for number in (0, 4, 5, 7, 8, 99)]
    assert found == [1, 1, 2, 2, 3, 3]


def test_a_backup_follows_the_newest_timeline_that_began_after_it() -> None:
    histories = {2: HISTORY_2, 3: HISTORY_3}
    assert choose_lineage(1, 0x4000000, histories).last == 3
    assert choose_lineage(2, 0x7000000, histories).last == 3
    assert choose_lineage(3, 0x9000000, histories).last == 3
    assert choose_lineage(1, 0x4000000, {}) == Lineage(((1, 0),))


def test_a_backup_that_ended_after_a_fork_stays_on_its_own_timeline() -> None:
    histories = {2: HISTORY_2, 3: HISTORY_3}
    assert choose_lineage(1, 0x6000000, histories).last == 1
    assert choose_lineage(2, 0x8000001, histories).last == 2


def test_a_run_ends_at_the_first_gap() -> None:
    only = Lineage(((1, 0),))
    there = {Segment(number, 1) for number in (2, 3, 4, 6)}
    assert find_run(there, only, 2, MB16) == Run(
        [Segment(2, 1), Segment(3, 1), Segment(4, 1)], Segment(5, 1)
    )
    assert find_run(there, only, 6, MB16) == Run([Segment(6, 1)])
    assert find_run(there, only, 1, MB16) == Run([], Segment(1, 1))
    assert find_run(there, only, 7, MB16) == Run([], Segment(7, 1))


def test_a_run_goes_over_to_the_next_timeline_and_ignores_what_was_left_behind() -> None:
    lineage = parse_lineage(2, HISTORY_2)
    there = {Segment(4, 1), Segment(5, 1), Segment(6, 1), Segment(5, 2), Segment(6, 2)}
    assert find_run(there, lineage, 4, MB16).segments == [
        Segment(4, 1),
        Segment(5, 2),
        Segment(6, 2),
    ]
    there.remove(Segment(5, 2))
    assert find_run(there, lineage, 4, MB16) == Run([Segment(4, 1)], Segment(5, 2))


@pytest.mark.parametrize(
    ("record", "written"),
    [
        ("COMMIT 2026-11-30 12:00:00.000001 UTC; inval msgs", "2026-11-30 12:00:00.000001"),
        ("ABORT 2026-11-30 12:00:00.5 UTC", "2026-11-30 12:00:00.5"),
        ("COMMIT_PREPARED 734: 2026-11-30 12:00:00.5 UTC", "2026-11-30 12:00:00.5"),
    ],
)
def test_the_end_of_a_transaction_is_read_from_what_pg_waldump_prints(
    record: str, written: str
) -> None:
    line = f"rmgr: Transaction len (rec/tot): 34/34, tx: 734, lsn: 0/3, prev 0/2, desc: {record}"
    assert END_OF_TRANSACTION.findall(line) == [written]
    assert END_OF_TRANSACTION.findall(line.replace("desc: ", "desc: ASSIGNMENT ")) == []
