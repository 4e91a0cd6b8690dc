"""Old backups go, and the last good one never does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.backup.catalogue import list_backups
from shared.backup.creation import NAME_FORMAT, Backup
from shared.backup.daily import prune
from shared.backup.errors import DamagedBackupError
from shared.backup.manifest import FILE, Kind
from shared.backup.places import Place
from shared.backup.retention import Keep
from tests.support.backups import CONTENT, build_bucket, build_manifest, build_source, keep_backup

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
OTHER = UUID(int=9)


def name(days_ago: int, kind: str = "full") -> str:
    return f"{NOW - timedelta(days=days_ago):{NAME_FORMAT}}-{kind}"


def fill(place: Place, *days_ago: int) -> Backup:
    for days in days_ago:
        keep_backup(place, name(days), build_manifest())
    return Backup(name(min(days_ago)), build_manifest())


def test_backups_beyond_what_is_kept_are_removed() -> None:
    place = build_bucket()
    newest = fill(place, 0, 1, 2, 3)
    assert prune(place, newest, Keep(days=2), NOW) == [name(3), name(2)]
    assert list(place.list_folders()) == [name(1), name(0)]


def test_nothing_is_removed_if_the_newest_cannot_be_read_back() -> None:
    place = build_bucket()
    fill(place, 1, 2, 3)
    keep_backup(place, name(0), build_manifest(), CONTENT[::-1])
    with pytest.raises(DamagedBackupError, match="was changed since it was written"):
        prune(place, Backup(name(0), build_manifest()), Keep(days=1), NOW)
    assert len(place.list_folders()) == 4


@pytest.mark.parametrize("size", [0, 5])
def test_a_backup_whose_file_is_cut_keeps_no_day(size: int) -> None:
    place = build_bucket()
    newest = fill(place, 0, 2)
    keep_backup(place, name(1), build_manifest(), CONTENT[:size])
    assert prune(place, newest, Keep(days=2), NOW) == []
    assert "bytes instead of 18" in list_backups(place)[1].trouble


def test_other_kinds_deployments_and_folders_stay() -> None:
    place = build_bucket()
    newest = fill(place, 0)
    for kind in (Kind.SCHEMA, Kind.DATA):
        keep_backup(place, name(9, kind), build_manifest(kind=kind))
    keep_backup(place, name(9, "company-7"), build_manifest(kind=Kind.COMPANY, company=7))
    keep_backup(place, name(8), build_manifest(source=build_source(deployment=OTHER)))
    keep_backup(place, "photos-of-2019", build_manifest())
    assert prune(place, newest, Keep(days=1), NOW) == []


def test_what_was_cut_off_is_removed_when_nobody_can_still_be_writing_it() -> None:
    place = build_bucket()
    newest = fill(place, 0)
    for days in (1, 3):
        place.write(f"{name(days)}/database.dump.zst", [b"half"])
    assert prune(place, newest, Keep(days=1), NOW) == [name(3)]


def test_a_backup_with_a_damaged_manifest_is_left_to_a_person() -> None:
    place = build_bucket()
    newest = fill(place, 0)
    keep_backup(place, name(9), build_manifest())
    place.write_at_once(f"{name(9)}/{FILE}", b"{")
    assert prune(place, newest, Keep(days=1), NOW) == []
    assert [each.is_cut_off for each in list_backups(place)] == [False, False]


def test_the_list_says_which_backups_are_good() -> None:
    place = build_bucket()
    fill(place, 1)
    place.write(f"{name(0)}/database.dump.zst", [b"half"])
    assert [(each.folder, bool(each.trouble)) for each in list_backups(place)] == [
        (name(1), False),
        (name(0), True),
    ]
