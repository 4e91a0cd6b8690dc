"""A transaction whose snapshot other programs share, and what a manifest says of it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.errors import BusyDatabaseError
from shared.backup.manifest import Extension, Position, Source
from shared.db import migrations
from shared.db.bulk import statement
from shared.db.engine import create_unpooled_engine

APPLICATION = "chatia db backup"
# Extensions without which an index of ours cannot be built.
EXTENSIONS = ("pg_trgm",)

LOCK_SCHEMA = statement("SELECT pg_try_advisory_xact_lock_shared(:lock)")
EXPORT = statement("SELECT pg_export_snapshot()")
SERVER = statement("""
SELECT current_database()::text AS name, current_setting('server_version_num')::int AS number,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_insert_lsn() END::text AS wal_position,
       to_regclass('public.alembic_version') IS NOT NULL AS is_migrated,
       to_regclass('public."Checkpoints"') IS NOT NULL AS has_checkpoints
""")
SYSTEM = statement("SELECT system_identifier::text FROM pg_control_system()")
REVISION = statement("SELECT version_num FROM public.alembic_version")
DEPLOYMENT = statement('SELECT uuid FROM public."Deployment"')
CHECKPOINTS = statement("""
SELECT service, topic, partition, "nextOffset" AS next_offset, epoch,
       "lastTimestamp" AS last_timestamp, "lastCrc" AS last_crc
FROM public."Checkpoints" ORDER BY service, topic, partition
""")
INSTALLED = statement("""
SELECT e.extname::text AS name, n.nspname::text AS schema_name
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = ANY(CAST(:names AS text[])) ORDER BY e.extname
""")
SIZE = statement("""
SELECT COALESCE(sum(pg_table_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
""")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open transaction, and the name under which others read the same rows."""

    conn: AsyncConnection
    name: str
    source: Source
    table_bytes: int


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Begin a transaction that sees one state of the database until the block ends.

    The schema cannot be migrated meanwhile. Raises BusyDatabaseError while it is.
    """
    no_limits = {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"}
    engine = create_unpooled_engine(url, APPLICATION, **no_limits)
    async with engine.connect() as conn:
        # READ ONLY would not allow the sharing of a lock.
        await conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        if not await conn.scalar(LOCK_SCHEMA, {"lock": migrations.LOCK}):
            raise BusyDatabaseError("The schema is being changed: make the backup after that.")
        name = str(await conn.scalar(EXPORT))
        yield Snapshot(conn, name, await read_source(conn), int(await conn.scalar(SIZE) or 0))


async def read_source(conn: AsyncConnection) -> Source:
    """Return what a manifest says about the database of a connection."""
    server = (await conn.execute(SERVER)).one()
    checkpoints: Iterable[RowMapping] = []
    if server.has_checkpoints:
        checkpoints = (await conn.execute(CHECKPOINTS)).mappings()
    extensions = (await conn.execute(INSTALLED, {"names": list(EXTENSIONS)})).mappings()
    major, minor = divmod(server.number, 10_000)
    return Source(
        revision=await conn.scalar(REVISION) if server.is_migrated else None,
        deployment=await conn.scalar(DEPLOYMENT) if server.has_checkpoints else None,
        database=server.name,
        server_version=f"{major}.{minor}",
        system_identifier=await _read_system_identifier(conn),
        wal_position=server.wal_position,
        extensions=[Extension.model_validate(dict(row)) for row in extensions],
        checkpoints=[Position.model_validate(dict(row)) for row in checkpoints],
    )


async def _read_system_identifier(conn: AsyncConnection) -> str | None:
    """Return the identifier of the cluster; None where the login may not read it."""
    try:
        async with conn.begin_nested():
            return str(await conn.scalar(SYSTEM))
    except DBAPIError:  # managed servers may not allow it, and a backup does not need it
        return None
