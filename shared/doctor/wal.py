"""Replication slots, the archive of WAL, and whether the server takes writes at all."""

from dataclasses import dataclass

from shared.db.bulk import statement
from shared.doctor.findings import (
    Code,
    Examined,
    Finding,
    Limits,
    Severity,
    count,
    format_bytes,
    format_seconds,
)

SLOTS = statement("""
SELECT slot_name::text AS name, active AS is_active, COALESCE(wal_status, '') AS status,
       COALESCE(pg_wal_lsn_diff(
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
         restart_lsn), 0)::bigint AS bytes
FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name
""")

ARCHIVE = statement("""
SELECT current_setting('archive_mode') <> 'off' AS is_on, failed_count::bigint AS failures,
       extract(epoch FROM clock_timestamp() - last_failed_time)::float8 AS failed_s,
       extract(epoch FROM clock_timestamp() - last_archived_time)::float8 AS archived_s,
       COALESCE(last_failed_wal, '') AS wal
FROM pg_stat_archiver
""")

WRITES = statement("""
SELECT pg_is_in_recovery() AS is_standby,
       current_setting('default_transaction_read_only')::bool AS is_read_only
""")


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot; `bytes` of WAL are kept for it, `status` is Postgres' `wal_status`."""

    name: str
    is_active: bool
    status: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of WAL: how long ago a segment failed and succeeded last, None for never."""

    is_on: bool
    failures: int
    failed_s: float | None
    archived_s: float | None
    wal: str


async def find(examined: Examined) -> list[Finding]:
    """Find slots that hold WAL, a failing archive, and servers that take no writes."""
    slots = [Slot(*row) for row in await examined.conn.execute(SLOTS)]
    archive = Archive(*(await examined.conn.execute(ARCHIVE)).one())
    writes = (await examined.conn.execute(WRITES)).one()
    read_only = judge_writes(is_standby=writes.is_standby, is_read_only=writes.is_read_only)
    failing = judge_archive(archive)
    return [
        *([read_only] if read_only else []),
        *(found for slot in slots if (found := judge_slot(slot, examined.limits))),
        *([failing] if failing else []),
    ]


def judge_slot(slot: Slot, limits: Limits) -> Finding | None:
    """Return a finding for a slot that nobody reads, that is far behind, or whose WAL is gone."""
    is_lost = slot.status in {"lost", "unreserved"}
    if slot.is_active and slot.bytes < limits.slot_bytes and not is_lost:
        return None
    use = "is read" if slot.is_active else "is read by nobody"
    lost = f", and its WAL is {slot.status}" if is_lost else ""
    return Finding(
        Code.SLOT_HOLDS_WAL,
        Severity.ERROR if is_lost or slot.bytes >= limits.slot_bytes else Severity.WARNING,
        f"The replication slot {slot.name} {use}; {format_bytes(slot.bytes)} of WAL wait{lost}.",
        "Its standby, backup or subscriber stopped or is slow. Postgres keeps WAL and dead rows "
        "for it until the disk is full.",
        'start its reader again, or if there is none any more: psql "$DATABASE_URL" -c '
        f"\"SELECT pg_drop_replication_slot('{slot.name}')\"",
    )


def judge_archive(archive: Archive) -> Finding | None:
    """Return a finding if the last attempt to archive a WAL segment failed."""
    if not archive.is_on or archive.failed_s is None:
        return None
    if archive.archived_s is not None and archive.archived_s < archive.failed_s:
        return None
    last = (
        f"the last success was {format_seconds(archive.archived_s)} ago"
        if archive.archived_s is not None
        else "none ever succeeded"
    )
    return Finding(
        Code.ARCHIVE_FAILS,
        Severity.ERROR,
        f"WAL is not archived: {archive.wal} failed {format_seconds(archive.failed_s)} ago, "
        f"{last}, {count(archive.failures, 'failure')} in all.",
        "archive_command fails: its target is full, not reachable or not writable. Postgres keeps "
        "the WAL until the disk is full, and a recovery to a point in time ends before it.",
        "chatia db wal status, and the error of archive_command in the server's log",
    )


def judge_writes(*, is_standby: bool, is_read_only: bool) -> Finding | None:
    """Return a finding if workers cannot write here."""
    if is_standby:
        return Finding(
            Code.READ_ONLY,
            Severity.ERROR,
            "This server is a standby: it takes no writes.",
            "DB_HOST or DATABASE_URL names the standby, or the server is recovering from a backup.",
            "psql \"$DATABASE_URL\" -c 'SELECT pg_promote()', only if no other server is primary",
        )
    if is_read_only:
        return Finding(
            Code.READ_ONLY,
            Severity.ERROR,
            "Transactions are read-only by default: workers cannot write.",
            "default_transaction_read_only is on; providers set it when the disk is full.",
            "psql \"$DATABASE_URL\" -c 'ALTER SYSTEM RESET default_transaction_read_only' "
            "-c 'SELECT pg_reload_conf()'",
        )
    return None
