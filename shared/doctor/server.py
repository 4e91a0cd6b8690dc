"""Settings of the server, its clock, damaged pages, and the room on its disk."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.doctor.findings import (
    MB,
    Code,
    Examined,
    Finding,
    Limits,
    Severity,
    count,
    format_bytes,
    format_seconds,
)

SETTINGS = statement("""
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts',
               'zero_damaged_pages', 'ignore_checksum_failure', 'data_directory')
""")

# Settings of a role or of a role in a database, which override those of the server.
ROLE_SETTINGS = statement("""
SELECT r.rolname::text AS role, unnest(s.setconfig) AS setting
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND starts_with(r.rolname, current_database() || '_')
""")

SIZES = statement("""
SELECT pg_database_size(current_database())::bigint AS database,
       pg_size_bytes(current_setting('shared_buffers'))::bigint AS buffers,
       COALESCE((SELECT checksum_failures FROM pg_stat_database
                 WHERE datname = current_database()), 0)::bigint AS damaged,
       COALESCE(host(inet_server_addr()), '') AS address
""")

NOW = statement("SELECT extract(epoch FROM clock_timestamp())::float8")

# Bad values, with what they lead to.
UNSAFE: Mapping[tuple[str, str], str] = {
    ("fsync", "off"): "After a power failure or a crash of the machine the database is lost.",
    ("full_page_writes", "off"): "After a power failure pages may be torn, and rows lost.",
    ("synchronous_commit", "off"): (
        "After a crash, commits of the last moments are gone although their facts were published."
    ),
    ("autovacuum", "off"): (
        "Dead rows are not removed, statistics get stale, and transaction ids are used up."
    ),
    ("track_counts", "off"): "Autovacuum needs it to know what to do.",
    ("zero_damaged_pages", "on"): "Damaged pages are emptied without an error: rows vanish.",
    ("ignore_checksum_failure", "on"): "Damaged pages are read as if they were right.",
}
LEAST_BUFFERS = 128 * MB  # Postgres' default
BUFFERS_TIMES = 32  # a database larger than so many times the default needs more
MOST_NEEDED = 1024 * MB  # beyond it, more buffers rarely matter
SAMPLES = 3
LOOPBACK = ("127.", "::1")


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of a folder, in bytes."""

    folder: str
    total: int
    free: int


async def find(examined: Examined) -> list[Finding]:
    """Find unsafe and small settings, damaged pages, a wrong clock and a disk that gets full."""
    conn, limits = examined.conn, examined.limits
    settings = {row.name: row.setting for row in await conn.execute(SETTINGS)}
    of_roles = [(row.role, *row.setting.split("=", 1)) for row in await conn.execute(ROLE_SETTINGS)]
    sizes = (await conn.execute(SIZES)).one()
    offset_s, uncertainty_s = await measure_clock(conn)
    disks = measure_disks(settings.get("data_directory", ""), sizes.address)
    return [
        *judge_settings(settings),
        *(_build_unsafe(name, value, role) for role, name, value in of_roles
          if (name, value) in UNSAFE),
        *judge_buffers(sizes.buffers, sizes.database),
        *judge_damage(sizes.damaged),
        *judge_clock(offset_s, uncertainty_s, limits),
        *judge_disks(disks, limits),
    ]  # fmt: skip


def judge_settings(settings: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each setting of the server with a value that may lose rows."""
    return [
        _build_unsafe(name, value)
        for name, value in sorted(settings.items())
        if (name, value) in UNSAFE
    ]


def _build_unsafe(name: str, value: str, role: str = "") -> Finding:
    whose = f" for {role}" if role else ""
    change = f'ALTER ROLE \\"{role}\\" RESET' if role else "ALTER SYSTEM RESET"
    reload = "" if role else ' -c "SELECT pg_reload_conf()"'
    return Finding(
        Code.SETTING_UNSAFE,
        Severity.ERROR,
        f"{name} is {value}{whose}.",
        UNSAFE[name, value],
        f'psql "$DATABASE_URL" -c "{change} {name}"{reload}, or remove it from where the server '
        "is started",
    )


def judge_buffers(buffers: int, database: int) -> Iterator[Finding]:
    """Yield a finding if shared_buffers (bytes) is small for a database of so many bytes."""
    wanted = min(max(LEAST_BUFFERS, database // BUFFERS_TIMES), MOST_NEEDED)
    if buffers >= wanted:
        return
    yield Finding(
        Code.SETTING_SMALL,
        Severity.WARNING,
        f"shared_buffers is {format_bytes(buffers)}, and the database {format_bytes(database)}.",
        "Pages that are read again and again come from the disk or the system's cache.",
        "psql -U postgres -c \"ALTER SYSTEM SET shared_buffers = '"
        f"{-(-wanted // MB)}MB'\", and restart Postgres; a quarter of the memory is usual",
    )


def judge_damage(failures: int) -> Iterator[Finding]:
    """Yield a finding if pages did not match their checksums."""
    if failures:
        yield Finding(
            Code.DATA_CORRUPT,
            Severity.ERROR,
            f"{count(failures, 'page')} did not match the checksum when they were read.",
            "The disk, its controller or the memory is broken, or files were changed from outside.",
            "chatia db restore into a new database on another machine; keep this one as it is",
        )


async def measure_clock(conn: AsyncConnection) -> tuple[float, float]:
    """Return by how many seconds the server's clock is ahead, and how uncertain that is."""
    measured = [await _measure_once(conn) for _ in range(SAMPLES)]
    return min(measured, key=lambda each: each[1])


async def _measure_once(conn: AsyncConnection) -> tuple[float, float]:
    before = time.time()
    there = float((await conn.execute(NOW)).scalar_one())
    after = time.time()
    return there - (before + after) / 2, (after - before) / 2


def judge_clock(offset_s: float, uncertainty_s: float, limits: Limits) -> Iterator[Finding]:
    """Yield a finding if the server's clock and this machine's differ for certain."""
    if abs(offset_s) - uncertainty_s < limits.clock_skew_s:
        return
    yield Finding(
        Code.CLOCK_SKEW,
        Severity.WARNING,
        f"The server's clock is {format_seconds(abs(offset_s))} "
        f"{'ahead of' if offset_s > 0 else 'behind'} this machine's.",
        "One of them is not synchronised. Ages of records, timers and windows of 24 hours are "
        "wrong by as much.",
        "chronyc tracking, on both machines",
    )


def measure_disks(data: str, address: str) -> list[Disk] | None:
    """Return the file systems of data and WAL; None if the server is not on this machine.

    The server tells its folder only to members of pg_read_all_settings. Its `address` is empty for
    a Unix socket.
    """
    if not data or (address and not address.startswith(LOOPBACK)):
        return None
    found = []
    for folder in (Path(data), Path(data, "pg_wal")):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:  # in a container, or a folder that this user may not enter
            return None
        found.append(Disk(str(folder), usage.total, usage.free))
    return found


def judge_disks(disks: list[Disk] | None, limits: Limits) -> Iterator[Finding]:
    """Yield a finding for a disk that gets full, or one that cannot be seen from here."""
    if disks is None:
        yield Finding(
            Code.DISK_UNKNOWN,
            Severity.NOTICE,
            "The free space of the database's disk cannot be seen from here.",
            "Postgres has no function for it, and it runs on another machine or in a container.",
            "df -h, on the machine of the database",
        )
        return
    for disk in disks[:1] if len({(d.total, d.free) for d in disks}) == 1 else disks:
        if severity := _judge_room(disk, limits):
            yield Finding(
                Code.DISK_LOW,
                severity,
                f"{format_bytes(disk.free)} of {format_bytes(disk.total)} are free on the disk of "
                f"{disk.folder}.",
                "When it is full, Postgres stops. Rows use it, or WAL that is kept.",
                "chatia db size",
            )


def _judge_room(disk: Disk, limits: Limits) -> Severity | None:
    share = disk.free / disk.total
    if share < limits.disk_error_share and disk.free < limits.disk_error_bytes:
        return Severity.ERROR
    if share < limits.disk_warning_share and disk.free < limits.disk_warning_bytes:
        return Severity.WARNING
    return None
