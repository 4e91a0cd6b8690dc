"""A drill: a base backup, rows, a recovery to a point between them, and the comparison."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.checksums import sum_tables
from shared.backup.continuous import server
from shared.backup.continuous.data_folder import change_owner
from shared.backup.continuous.port import ContinuousBackup, Progress
from shared.backup.continuous.recovered_server import run_recovered
from shared.backup.continuous.targets import Target
from shared.backup.errors import DamagedBackupError
from shared.backup.manifest import TableSum
from shared.backup.programs import ClientPrograms, find_server_programs
from shared.db.bulk import statement
from shared.db.engine import create_unpooled_engine

APPLICATION = "chatia db drill"
ROWS = 50  # before the point, and after it
ARCHIVE_LIMIT_S = 300.0
POLL_S = 0.1
# In a schema of its own, so that no service and no backup of a company sees it.
CREATE = """
DROP SCHEMA IF EXISTS chatia_drill CASCADE;
CREATE SCHEMA chatia_drill;
CREATE TABLE chatia_drill.marks (id int PRIMARY KEY, written timestamptz NOT NULL)
"""
DROP = statement("DROP SCHEMA IF EXISTS chatia_drill CASCADE")
WRITE = statement("INSERT INTO chatia_drill.marks VALUES (:id, clock_timestamp())")
READ = statement("SELECT id, written FROM chatia_drill.marks ORDER BY id")
NOW = statement("SELECT clock_timestamp()")
SWITCH = statement("SELECT pg_switch_wal()::text")
IS_ARCHIVED = statement("""
SELECT COALESCE(substr(last_archived_wal, 9, 16) >=
                right(pg_walfile_name(CAST(CAST(:position AS text) AS pg_lsn)), 16), false)
FROM pg_stat_archiver WHERE last_archived_wal ~ '^[0-9A-F]{24}'
""")

Mark = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found; without `problems` it succeeded. Times are in seconds.

    `rpo_s`: so many seconds of commits may be lost with the server's disk: the time after which
    Postgres archives a file of WAL that is not full, and the time of archiving one; None if it
    archives full ones alone. `rto_s`: from
    the order to recover until the server took writes, of which `restore_s` to unpack and verify,
    `replay_s` to replay WAL, `promote_s` to promote.
    """

    base: str
    point: datetime
    rows_before: int
    rows_after: int
    tables_compared: int
    tables_changing: int
    backup_s: float
    rpo_s: float | None
    archive_s: float
    restore_s: float
    replay_s: float
    promote_s: float
    problems: Sequence[str]

    @property
    def rto_s(self) -> float:
        """Return the seconds until the recovered server took writes."""
        return self.restore_s + self.replay_s + self.promote_s


@dataclass(frozen=True, slots=True)
class _Written:
    """What was committed before and after the point, and the sums of tables around it."""

    point: datetime
    before: Sequence[Mark]
    after: Sequence[Mark]
    sums_before: Mapping[str, TableSum]
    sums_after: Mapping[str, TableSum]
    archive_s: float
    timeout_s: int


async def drill(url: str, backups: ContinuousBackup, scratch: Path, progress: Progress) -> Drilled:
    """Prove that the server can be recovered to a point in time, while it goes on.

    Needs as much free space in `scratch` as the server has data. The base backup stays. Raises an
    error of shared.backup.errors if something could not be done at all.
    """
    engine = create_unpooled_engine(
        url, APPLICATION, statement_timeout="0", idle_in_transaction_session_timeout="0"
    ).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as conn:
        await server.check_archiving(conn)
        major = int(await conn.scalar(server.MAJOR) or 0)
        programs = find_server_programs(major, ("postgres",))
        settings = await server.read_settings(conn)
        started = time.monotonic()
        base = await backups.create_base(url, progress)
        backup_s = time.monotonic() - started
        try:
            written = await _write(conn, url)
        finally:
            await conn.execute(DROP)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, "", "chatia-drill-", scratch))
    try:
        change_owner(folder)
        recovering = _Recovering(url, backups, folder, programs, settings, progress)
        found = await recovering.run(written.point)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    unchanged = {
        name: table
        for name, table in written.sums_before.items()
        if written.sums_after.get(name) == table
    }
    return Drilled(
        base=base.name,
        point=written.point,
        rows_before=len(written.before),
        rows_after=len(written.after),
        tables_compared=len(unchanged),
        tables_changing=len(written.sums_before) - len(unchanged),
        backup_s=backup_s,
        rpo_s=written.timeout_s + written.archive_s if written.timeout_s else None,
        archive_s=written.archive_s,
        restore_s=found.restore_s,
        replay_s=found.replay_s,
        promote_s=found.promote_s,
        problems=list_problems(written.before, found.marks, unchanged, found.sums),
    )


def list_problems(
    before: Sequence[Mark],
    found: Sequence[Mark],
    unchanged: Mapping[str, TableSum],
    sums: Mapping[str, TableSum],
) -> list[str]:
    """Return in words how a recovered server differs from what was committed before the point.

    Tables that others changed while the drill ran cannot be compared: only `unchanged` ones are.
    """
    missing, more = set(before) - set(found), set(found) - set(before)
    problems = [f"{len(missing)} rows from before the point are missing"] if missing else []
    problems += [f"{len(more)} rows from after the point are there"] if more else []
    for name, table in unchanged.items():
        there = sums.get(name)
        if there is None or there.rows != table.rows:
            rows = there.rows if there else "no"
            problems.append(f"{name} has {rows} rows instead of {table.rows}")
        elif there.checksum != table.checksum:
            problems.append(f"{name} has other values")
    return problems


async def _write(conn: AsyncConnection, url: str) -> _Written:
    """Commit rows, choose a point, commit more, and wait until the archive has them."""
    for command in CREATE.split(";"):
        await conn.exec_driver_sql(command)
    sums_before = await _sum_tables(url)
    for number in range(ROWS):
        await conn.execute(WRITE, {"id": number})
    before = [(row.id, row.written) for row in await conn.execute(READ)]
    point = (await conn.execute(NOW)).scalar_one()
    for number in range(ROWS, 2 * ROWS):
        await conn.execute(WRITE, {"id": number})
    committed = time.monotonic()
    after = [(row.id, row.written) for row in await conn.execute(READ)][len(before) :]
    position = await conn.scalar(SWITCH)
    await _wait_for_archive(conn, str(position))
    archive_s = time.monotonic() - committed
    archiving = await server.read_archiving(conn)
    sums_after = await _sum_tables(url)
    return _Written(point, before, after, sums_before, sums_after, archive_s, archiving.timeout_s)


async def _wait_for_archive(conn: AsyncConnection, position: str) -> None:
    try:
        async with asyncio.timeout(ARCHIVE_LIMIT_S):
            while not await conn.scalar(IS_ARCHIVED, {"position": position}):  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise DamagedBackupError(
            f"The server did not archive its WAL within {ARCHIVE_LIMIT_S:.0f} s: "
            "`chatia db wal status`, and the server's log says why."
        ) from None


async def _sum_tables(url: str) -> dict[str, TableSum]:
    """Return the sums of all tables in one snapshot."""
    engine = create_unpooled_engine(
        url, APPLICATION, statement_timeout="0", idle_in_transaction_session_timeout="0"
    ).execution_options(isolation_level="REPEATABLE READ")
    async with engine.connect() as conn:
        return await sum_tables(conn)


@dataclass(frozen=True, slots=True)
class _Found:
    marks: Sequence[Mark]
    sums: Mapping[str, TableSum]
    restore_s: float
    replay_s: float
    promote_s: float


@dataclass(frozen=True, slots=True)
class _Recovering:
    """The recovery of a drill, into a folder of its own."""

    url: str
    backups: ContinuousBackup
    folder: Path
    programs: ClientPrograms
    settings: Mapping[str, str]
    progress: Progress

    async def run(self, point: datetime) -> _Found:
        """Recover to a point, read what there is, promote, and stop the server."""
        data = self.folder / "data"
        started = time.monotonic()
        target = Target(time=point.astimezone(UTC))
        await asyncio.to_thread(self.backups.recover, target, data, self.progress)
        restored = time.monotonic()
        async with run_recovered(data, self.url, self.programs, self.settings) as recovered:
            await recovered.wait_until_paused()
            replayed = time.monotonic()
            marks = await self._read_marks(recovered.address)
            sums = await _sum_tables(recovered.address)
            ordered = time.monotonic()
            await recovered.promote()
            promoted = time.monotonic()
        return _Found(marks, sums, restored - started, replayed - restored, promoted - ordered)

    async def _read_marks(self, url: str) -> list[Mark]:
        engine = create_unpooled_engine(url, APPLICATION)
        async with engine.connect() as conn:
            return [(row.id, row.written) for row in await conn.execute(READ)]
