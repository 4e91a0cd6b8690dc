"""Manifests that are missing, damaged, foreign or newer are told apart."""

import json

import pytest

from shared.backup.errors import DamagedBackupError, ForeignBackupError, RefusalError
from shared.backup.manifest import FILE, parse_manifest, read_manifest
from tests.support.backups import build_bucket, build_manifest, keep_backup

WRITTEN = build_manifest().model_dump_json().encode()


def test_a_manifest_is_read_as_it_was_written() -> None:
    bucket = build_bucket()
    keep_backup(bucket, "20261130T120000Z-full", build_manifest())
    assert read_manifest(bucket, "20261130T120000Z-full") == build_manifest()


def test_a_folder_that_is_not_there_is_no_backup() -> None:
    with pytest.raises(ForeignBackupError, match=r"^s3://backups/nowhere is no folder of a backup"):
        read_manifest(build_bucket(), "nowhere")


def test_a_backup_that_was_cut_off_has_no_manifest() -> None:
    bucket = build_bucket()
    bucket.write("cut/database.dump.zst", [b"half"])
    with pytest.raises(DamagedBackupError, match=r"has no manifest\.json: .* cut off"):
        read_manifest(bucket, "cut")


@pytest.mark.parametrize("size", range(0, len(WRITTEN), 50))
def test_a_manifest_that_was_cut_is_damaged(size: int) -> None:
    with pytest.raises(DamagedBackupError, match="it is damaged"):
        parse_manifest(WRITTEN[:size], "there")


def test_a_manifest_without_a_member_is_damaged() -> None:
    rest = json.loads(WRITTEN)
    del rest["file"]
    with pytest.raises(DamagedBackupError, match="it is damaged"):
        parse_manifest(json.dumps(rest).encode(), "there")


@pytest.mark.parametrize("foreign", [b"{}", b'{"product": "other", "format": 1}'])
def test_a_manifest_of_another_program_is_foreign(foreign: bytes) -> None:
    with pytest.raises(ForeignBackupError, match=r"^there is not a backup of ChatIA Flow"):
        parse_manifest(foreign, "there")


def test_a_manifest_of_a_newer_version_is_refused() -> None:
    newer = json.loads(WRITTEN) | {"format": 2}
    with pytest.raises(RefusalError, match="newer version of ChatIA Flow: upgrade this one"):
        parse_manifest(json.dumps(newer).encode(), "there")


def test_a_manifest_names_no_password_and_no_row() -> None:
    assert FILE == "manifest.json"
    assert set(json.loads(WRITTEN)["tables"]["Contacts"]) == {"rows", "checksum", "columns"}
