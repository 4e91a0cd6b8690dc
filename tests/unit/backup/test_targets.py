"""To which point a database is recovered."""

from datetime import UTC, datetime

import pytest

from shared.backup.continuous.plans import choose_base
from shared.backup.continuous.targets import (
    Target,
    build_recovery_settings,
    choose_signal_file,
    parse_target,
)
from shared.backup.errors import RefusalError
from shared.backup.manifest import Kind, Manifest, WalRange
from tests.support.backups import build_manifest

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("latest", Target()),
        ("16/B374D848", Target(position=0x16B374D848)),
        ("2026-11-30T12:00:00Z", Target(time=NOON)),
        ("2026-11-30 09:00:00-03:00", Target(time=NOON)),
        ("2026-11-30T12:00:00.000001Z", Target(time=NOON.replace(microsecond=1))),
    ],
)
def test_a_target_is_a_time_a_position_or_the_latest(written: str, target: Target) -> None:
    assert parse_target(written) == target


@pytest.mark.parametrize("written", ["", "newest", "12:00", "2026-13-01T00:00:00Z"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no time such as"):
        parse_target(written)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone: write 2026-11-30T12:00Z for UTC"):
        parse_target("2026-11-30T12:00")


@pytest.mark.parametrize("target", [Target(time=NOON), Target(position=0x3000028)])
def test_postgres_stops_at_a_target_until_a_person_promotes_it(target: Target) -> None:
    lines = build_recovery_settings(target, 3, 'sh \'/w/fetch.sh\' "%f" "%p"')
    assert "recovery_target_action = 'pause'" in lines
    assert "recovery_target_timeline = '3'" in lines
    assert "restore_command = 'sh ''/w/fetch.sh'' \"%f\" \"%p\"'" in lines
    assert choose_signal_file(target) == "recovery.signal"


def test_the_settings_name_the_target_as_postgres_reads_it() -> None:
    at, position = Target(time=NOON), Target(position=0x3000028)
    assert "recovery_target_time = '2026-11-30 12:00:00.000000+00:00'" in (
        build_recovery_settings(at, 1, "")
    )
    assert "recovery_target_lsn = '0/3000028'" in build_recovery_settings(position, 1, "")


def test_the_end_of_the_archive_is_a_standby_which_does_not_promote_itself() -> None:
    lines = build_recovery_settings(Target(), 1, "")
    assert choose_signal_file(Target()) == "standby.signal"
    assert not any(
        line.startswith(("recovery_target_action", "recovery_target_l")) for line in lines
    )


def build_base(hour: int) -> tuple[str, Manifest]:
    wal = WalRange(timeline=1, start=hour * 1000, stop=hour * 1000 + 100, segment_bytes=2**24)
    at = NOON.replace(hour=hour)
    return f"base-{hour}", build_manifest(kind=Kind.BASE, wal=wal, finished_at=at)


BASES = [build_base(hour) for hour in (6, 12, 18)]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Target(), "base-18"),
        (Target(time=NOON.replace(hour=23)), "base-18"),
        (Target(time=NOON.replace(hour=17)), "base-12"),
        (Target(time=NOON), "base-12"),
        (Target(position=12_099), "base-6"),
        (Target(position=12_100), "base-12"),
    ],
)
def test_the_newest_base_backup_that_ended_before_the_target_is_taken(
    target: Target, name: str
) -> None:
    assert choose_base(BASES, target)[0] == name


def test_a_target_before_the_first_base_backup_is_refused() -> None:
    with pytest.raises(RefusalError, match="the oldest one leads to 2026-11-30T06:00:00"):
        choose_base(BASES, Target(time=NOON.replace(hour=5)))
