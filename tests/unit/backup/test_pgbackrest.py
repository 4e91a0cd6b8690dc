"""What pgbackrest prints is read, and it is told the target as it reads it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.backup.continuous.pgbackrest import (
    PgBackRest,
    build_restore_options,
    choose_base,
    describe_failure,
    find_problem,
    find_version_refusal,
    list_bases,
)
from shared.backup.continuous.targets import Target
from shared.backup.errors import RefusalError

NOON = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp())


def build_backup(label: str, stop: int, **members: Any) -> dict[str, Any]:
    return {
        "label": label,
        "database": {"id": 1},
        "error": False,
        "timestamp": {"start": stop - 60, "stop": stop},
        "lsn": {"start": "0/2000028", "stop": f"0/{stop - NOON + 0x3000000:X}"},
        "info": {"repository": {"delta": 4000}},
    } | members


INFO = [
    {
        "name": "chatia",
        "db": [{"id": 1, "version": "15"}],
        "backup": [
            build_backup("late", NOON + 3600),
            build_backup("early", NOON),
            build_backup("bad", NOON + 7200, error=True),
        ],
    }
]


def test_good_backups_are_listed_the_oldest_first() -> None:
    bases = list_bases(INFO)
    assert [(base.name, base.major) for base in bases] == [("early", 15), ("late", 15)]
    assert list_bases([]) == []


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Target(), "late"),
        (Target(time=datetime(2026, 11, 30, 12, 30, tzinfo=UTC)), "early"),
        (Target(position=0x3000000), "early"),
        (Target(position=0x4000000), "late"),
    ],
)
def test_the_newest_backup_that_ended_before_the_target_is_taken(target: Target, name: str) -> None:
    assert choose_base(list_bases(INFO), target, "chatia").name == name


def test_a_time_within_the_second_in_which_a_backup_ended_is_refused() -> None:
    target = Target(time=datetime(2026, 11, 30, 12, 0, 0, 500_000, tzinfo=UTC))
    with pytest.raises(RefusalError, match="the oldest one leads to 2026-11-30T12:00:01"):
        choose_base(list_bases(INFO), target, "chatia")


def test_the_target_is_told_as_pgbackrest_reads_it() -> None:
    at = Target(time=datetime(2026, 11, 30, 12, tzinfo=UTC))
    assert build_restore_options(Target()) == ["--type=standby"]
    assert build_restore_options(at)[:2] == [
        "--type=time",
        "--target=2026-11-30 12:00:00.000000+00:00",
    ]
    assert build_restore_options(Target(position=0x3000028))[:2] == [
        "--type=lsn",
        "--target=0/3000028",
    ]
    assert build_restore_options(at)[2] == "--target-action=pause"


@pytest.mark.parametrize(
    ("major", "version", "is_refused"),
    [(15, (2, 45), False), (18, (2, 45), True), (18, (2, 55), False), (17, (2, 54, 1), False)],
)
def test_a_version_that_does_not_know_the_server_is_refused(
    major: int, version: tuple[int, ...], *, is_refused: bool
) -> None:
    assert bool(find_version_refusal(major, version)) == is_refused


def test_the_server_runs_pgbackrest_with_its_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGBACKREST_CONFIG", "/etc/other.conf")
    command = PgBackRest("main").archive_command
    assert command.endswith("pgbackrest --config=/etc/other.conf --stanza=main archive-push %p")


def test_what_it_complains_of_is_said() -> None:
    complaint = "P00  ERROR: [056]: unable to find primary cluster - cannot proceed\nP00 INFO: x"
    assert describe_failure("backup", 56, complaint) == (
        "pgbackrest backup failed: [056]: unable to find primary cluster - cannot proceed."
    )
    assert describe_failure("backup", 7, "") == "pgbackrest backup failed: exit code 7."
    assert find_problem("stanza: chatia\nstatus: error") == "status: error"
    assert find_problem("stanza: chatia\nstatus: ok") == ""
