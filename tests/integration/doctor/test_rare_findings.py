"""Findings of states that a server of tests is never in: its answers are replaced by others.

The checks run as they are; a view or a function of another schema hides one of Postgres' own.
"""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.backup.places import open_place
from shared.doctor import backups, checkpoints, server, sessions, statistics, wal
from shared.doctor.findings import Code, Examined, Finding, Severity
from tests.support.backups import build_manifest, build_source, keep_backup
from tests.support.doctor import break_by

pytestmark = pytest.mark.integration


class Usage(NamedTuple):
    """The bytes of a disk."""

    total: int
    used: int
    free: int


OLD_FOLDER = "20260101T031500Z-full"
HIDING = ("CREATE SCHEMA hiding", "SET LOCAL search_path = hiding, pg_catalog, public")
PREPARED = """
CREATE TABLE hiding.pg_prepared_xacts AS
SELECT 'payment' AS gid, current_user AS owner, now() - interval '1 hour' AS prepared,
       current_database() AS database
"""
ARCHIVER = """
CREATE TABLE hiding.pg_stat_archiver AS
SELECT 7 AS failed_count, now() - interval '1 minute' AS last_failed_time,
       now() - interval '1 hour' AS last_archived_time, '00000001000000A9' AS last_failed_wal
"""
DAMAGED = """
CREATE TABLE hiding.pg_stat_database AS
SELECT current_database() AS datname, 3 AS checksum_failures
"""
SETTING = """
CREATE FUNCTION hiding.current_setting(name text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN name = '{}' THEN '{}' ELSE pg_catalog.current_setting(name) END
$$
"""
OF_OLD_ROWS = """
UPDATE pg_database SET datfrozenxid = CAST(CAST(
  (CAST(CAST(pg_current_xact_id() AS text) AS bigint) + 4294967296 - 1600000000) % 4294967296
  AS text) AS xid)
WHERE datname = current_database()
"""


def find_one(findings: list[Finding], code: Code) -> Finding:
    (found,) = [finding for finding in findings if finding.code is code]
    return found


async def test_a_prepared_transaction_is_found(examined: Examined) -> None:
    await break_by(examined.conn, *HIDING, PREPARED)
    found = find_one(await sessions.find(examined), Code.PREPARED_TRANSACTION)
    assert "payment" in found.sentence + found.fix


async def test_a_recovery_that_nobody_has_finished_is_found(examined: Examined) -> None:
    await break_by(examined.conn, """UPDATE "Deployment" SET identity = '1/2/3'""")
    (found,) = await checkpoints.find(examined)
    assert (found.code, found.severity) == (Code.RECOVERY_UNFINISHED, Severity.ERROR)
    assert found.sentence.startswith("This is not the cluster that was used last")
    assert "chatia db recover --finish" in found.fix


async def test_an_archive_that_fails_is_found(examined: Examined) -> None:
    await break_by(examined.conn, *HIDING, SETTING.format("archive_mode", "on"), ARCHIVER)
    found = find_one(await wal.find(examined), Code.ARCHIVE_FAILS)
    assert "00000001000000A9 failed 60 s ago, the last success was 60 min ago" in found.sentence
    assert "7 failures" in found.sentence


async def test_pages_that_do_not_match_their_checksums_are_found(examined: Examined) -> None:
    await break_by(examined.conn, *HIDING, DAMAGED)
    found = find_one(await server.find(examined), Code.DATA_CORRUPT)
    assert found.sentence.startswith("3 pages did not match")


async def test_small_buffers_are_found(examined: Examined) -> None:
    await break_by(examined.conn, *HIDING, SETTING.format("shared_buffers", "16MB"))
    found = find_one(await server.find(examined), Code.SETTING_SMALL)
    assert found.sentence.startswith("shared_buffers is 16 MB")


async def test_rows_that_were_not_frozen_for_long_are_found(examined: Examined) -> None:
    await break_by(examined.conn, OF_OLD_ROWS)
    found = find_one(await statistics.find(examined), Code.WRAPAROUND)
    assert found.severity is Severity.ERROR
    assert "1,600,000,000 transaction ids" in found.sentence


async def test_a_clock_that_is_behind_is_found(
    examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3_600)
    found = find_one(await server.find(examined), Code.CLOCK_SKEW)
    assert found.sentence == "The server's clock is 60 min behind this machine's."


async def test_a_disk_that_gets_full_is_found(
    examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 2**30, 0, 2**30))
    found = find_one(await server.find(examined), Code.DISK_LOW)
    assert found.severity is Severity.ERROR
    assert found.sentence.startswith("1.0 GB of 100 GB are free")


async def test_a_disk_that_cannot_be_seen_is_told(
    examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Usage:
        raise PermissionError(folder)

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    assert find_one(await server.find(examined), Code.DISK_UNKNOWN).severity is Severity.NOTICE


async def test_a_backup_of_long_ago_is_found(
    examined: Examined, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = (await examined.conn.execute(backups.DEPLOYMENT)).scalar_one()
    manifest = build_manifest(source=build_source(deployment=deployment))
    keep_backup(open_place(str(tmp_path)), OLD_FOLDER, manifest)
    monkeypatch.setenv("CHATIA_BACKUPS", str(tmp_path))
    found = find_one(await backups.find(examined), Code.BACKUP_OLD)
    assert found.severity is Severity.WARNING
