"""The last good backup: of this deployment, complete, and in the place that is set."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from shared.backup.errors import UnknownPlaceError
from shared.backup.places import open_place
from shared.doctor.backups import find_last_backup
from tests.support.backups import DEPLOYMENT, build_manifest, build_source, keep_backup

OTHER = UUID(int=7)


def test_the_last_good_full_backup_of_the_deployment_counts(tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    keep_backup(place, "20261128T031500Z-full", build_manifest())
    keep_backup(place, "20261129T031500Z-full", build_manifest())
    other = build_manifest(source=build_source(deployment=OTHER))
    keep_backup(place, "20261130T031500Z-full", other)
    keep_backup(place, "20261130T041500Z-full", build_manifest(), b"cut")
    (tmp_path / "20261130T051500Z-full").mkdir()
    found = find_last_backup(str(tmp_path), DEPLOYMENT)
    assert found == datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


def test_an_empty_place_has_no_backup(tmp_path: Path) -> None:
    assert find_last_backup(str(tmp_path), DEPLOYMENT) is None


def test_a_place_that_cannot_be_is_an_error() -> None:
    with pytest.raises(UnknownPlaceError):
        find_last_backup("ftp://backups", DEPLOYMENT)
