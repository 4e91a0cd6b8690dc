"""What a server says of its WAL: whether it is archived, how far, and who holds it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.continuous.wal_names import parse_position, parse_segment
from shared.backup.errors import RefusalError
from shared.db.bulk import statement

# What a server needs that is started on a restored folder, and where its files were.
SETTINGS = (
    *("data_directory", "config_file", "hba_file", "wal_segment_size", "archive_timeout"),
    *("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions"),
    "max_locks_per_transaction",
)
ARCHIVING = statement("""
SELECT current_setting('archive_mode') AS mode,
       COALESCE(current_setting('archive_command', true), '') <> ''
         OR COALESCE(current_setting('archive_library', true), '') <> '' AS has_command,
       current_setting('wal_level') AS wal_level,
       (SELECT setting::int FROM pg_settings WHERE name = 'archive_timeout') AS timeout_s,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       COALESCE(last_archived_wal, '') AS last_archived, last_archived_time AS archived_at,
       archived_count::bigint AS archived, failed_count::bigint AS failures,
       COALESCE(last_failed_wal, '') AS last_failed, last_failed_time AS failed_at,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END::text AS position,
       extract(epoch FROM clock_timestamp() - last_archived_time)::float8 AS lag_s,
       pg_is_in_recovery() AS is_standby
FROM pg_stat_archiver
""")
SLOTS = statement("""
SELECT slot_name::text AS name, active AS is_active,
       COALESCE(pg_wal_lsn_diff(
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
         restart_lsn), 0)::bigint AS bytes
FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name
""")
READ_SETTINGS = statement("""
SELECT name::text AS name, setting::text AS value FROM pg_settings
WHERE name = ANY(CAST(:names AS text[]))
""")
SIZE = statement("SELECT sum(pg_database_size(oid))::bigint FROM pg_database")
RELOAD = statement("SELECT pg_reload_conf()")
MAJOR = statement("SELECT current_setting('server_version_num')::int / 10000")
NOW = statement("SELECT clock_timestamp()")
IS_SUPERUSER = statement("SELECT current_setting('is_superuser') = 'on'")
IS_FILE = statement("SELECT (pg_stat_file(CAST(:path AS text), true)).size IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Archiving:
    """The state of the archive; `lag_bytes` of WAL are not archived, None if nothing ever was."""

    mode: str
    has_command: bool
    wal_level: str
    timeout_s: int
    archived: int
    last_archived: str
    archived_at: datetime | None
    failures: int
    last_failed: str
    failed_at: datetime | None
    position: str
    lag_s: float | None
    lag_bytes: int | None
    is_standby: bool = False

    @property
    def is_on(self) -> bool:
        """Return whether the server archives its WAL."""
        return self.mode != "off" and self.has_command

    @property
    def waits_for_promotion(self) -> bool:
        """Return whether the server archives nothing before it is promoted."""
        return self.is_on and self.is_standby and self.mode != "always"

    @property
    def is_failing(self) -> bool:
        """Return whether the last attempt failed."""
        if self.failed_at is None:
            return False
        return self.archived_at is None or self.archived_at < self.failed_at


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot, for which so many bytes of WAL are kept."""

    name: str
    is_active: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class Enabled:
    """Which settings were changed, and where the data of the server are."""

    changed: dict[str, str]
    needs_restart: bool
    data_directory: str


async def read_archiving(conn: AsyncConnection) -> Archiving:
    """Return the state of the archive."""
    row = (await conn.execute(ARCHIVING)).one()
    segment = parse_segment(row.last_archived[:24], row.segment_bytes)
    end = (segment.number + 1) * row.segment_bytes if segment else None
    lag = None if end is None else max(parse_position(row.position) - end, 0)
    values = {name: value for name, value in row._mapping.items() if name != "segment_bytes"}  # noqa: SLF001 - documented by SQLAlchemy
    return Archiving(**values, lag_bytes=lag)


async def read_slots(conn: AsyncConnection) -> Sequence[Slot]:
    """Return the replication slots."""
    return [Slot(*row) for row in await conn.execute(SLOTS)]


async def read_settings(conn: AsyncConnection) -> dict[str, str]:
    """Return SETTINGS, as far as the login may read them."""
    rows = await conn.execute(READ_SETTINGS, {"names": list(SETTINGS)})
    return {row.name: row.value for row in rows}


async def check_archiving(conn: AsyncConnection) -> None:
    """Raise RefusalError unless WAL is archived: a base backup is no use without it."""
    archiving = await read_archiving(conn)
    if not archiving.is_on:
        raise RefusalError(
            "The server does not archive its WAL, without which a base backup is no use: "
            "run `chatia db wal enable` first."
        )
    if archiving.waits_for_promotion:
        raise RefusalError(
            "The server is a standby, which archives no WAL before it is promoted: make the base "
            "backup after that."
        )
    if archiving.is_failing:
        raise RefusalError(describe_failing(archiving))


def describe_failing(archiving: Archiving) -> str:
    """Return in a sentence that the archive fails."""
    return (
        f"The server fails to archive {archiving.last_failed}: `chatia db wal status`, and the "
        "server's log says why."
    )


async def check_may_change(conn: AsyncConnection) -> None:
    """Raise RefusalError, with what to ask a provider for, if the login is no superuser."""
    if not await conn.scalar(IS_SUPERUSER):
        raise RefusalError(
            "This login may not change the server's settings. On your own server use a superuser. "
            "Ask a provider for recovery to a point in time, for how many days back, and how long "
            "one takes; after it run `chatia db recover --finish`."
        )


async def check_sees(conn: AsyncConnection, path: str) -> None:
    """Raise RefusalError unless the server sees a file of this machine."""
    if not await conn.scalar(IS_FILE, {"path": path}):
        raise RefusalError(
            f"The server does not see {path}: run this on the machine of the server, with a "
            "folder that its account may write."
        )


async def enable(conn: AsyncConnection, archive_command: str, timeout_s: int) -> Enabled:
    """Set what archiving needs, on a connection in autocommit mode, and load the settings again."""
    before = await read_archiving(conn)
    wanted = {"archive_mode": "on", "archive_command": archive_command}
    wanted |= {"archive_timeout": f"{timeout_s}s"}
    if before.wal_level == "minimal":
        wanted["wal_level"] = "replica"
    for name, value in wanted.items():
        await conn.exec_driver_sql(f"ALTER SYSTEM SET {name} = {quote_literal(value)}")
    await conn.execute(RELOAD)
    settings = await read_settings(conn)
    needs_restart = before.mode == "off" or "wal_level" in wanted
    return Enabled(wanted, needs_restart, settings.get("data_directory", ""))


def quote_literal(value: str) -> str:
    """Return a value as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"
