"""Recognises a database that was restored, or a server that failed over.

A restored database went back in time, but Kafka did not: without `chatia db recover --finish`
workers would drop new facts as repeated ones, and send messages twice.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.bulk import statement

# Cluster, database and timeline. A timeline begins with each promotion and recovery; its number is
# the first part of the name of a WAL file. A standby is not written to, so it needs no comparison.
ACTUAL = """
CASE WHEN pg_is_in_recovery() THEN NULL ELSE concat_ws('/',
  (SELECT system_identifier FROM pg_control_system()),
  (SELECT oid FROM pg_database WHERE datname = current_database()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int) END"""

COMPARE = f"""SELECT identity, {ACTUAL} FROM public."Deployment" """  # noqa: S608 - our own words

# Only the first time: later on `chatia db recover --finish` accepts another one.
RECORD_FIRST = statement(f"""
UPDATE "Deployment" SET identity = {ACTUAL} WHERE identity IS NULL
""")  # noqa: S608 - as above

ACCEPT = statement(f"""
UPDATE "Deployment" SET identity = {ACTUAL}
""")  # noqa: S608 - as above

HAS_COLUMN = statement("""
SELECT EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = to_regclass('public."Deployment"') AND attname = 'identity')
""")

PARTS = ("cluster", "database", "timeline")
REMEDY = (
    "if it was restored, or the server failed over, stop all workers and run "
    "`chatia db recover --finish`"
)


class DatabaseReplacedError(SQLAlchemyError):
    """The database is not the one that the workers used last; the message says what to do."""


def describe_change(recorded: str | None, actual: str | None) -> str:
    """Return in what a database differs from the recorded one, and the remedy; empty if in nothing.

    Both are such as `7433611/16384/1`; None is not known.
    """
    difference = describe_difference(recorded, actual)
    return f"{difference}: {REMEDY}" if difference else ""


def describe_difference(recorded: str | None, actual: str | None) -> str:
    """Return in what a database differs from the recorded one; empty if in nothing."""
    if recorded is None or actual is None or recorded == actual:
        return ""
    pairs = zip(PARTS, recorded.split("/"), actual.split("/"), strict=True)
    name, before, now = next((name, old, new) for name, old, new in pairs if old != new)
    return f"This is not the {name} that was used last ({name} {now} instead of {before})"


async def has_identity(conn: AsyncConnection) -> bool:
    """Return whether the schema has a column for it."""
    return bool((await conn.execute(HAS_COLUMN)).scalar_one())


async def record_identity(conn: AsyncConnection) -> None:
    """Record which database this is, unless that is recorded."""
    await conn.execute(RECORD_FIRST)


async def accept_identity(conn: AsyncConnection) -> None:
    """Record that this is the database to be used from now on."""
    await conn.execute(ACCEPT)


def compare_when_connecting(engine: AsyncEngine) -> None:
    """Let every new connection of an engine raise DatabaseReplacedError if it is another database.

    A server that was restored or failed over has ended all connections before.
    """

    def compare(connection: Any, _record: object) -> None:  # noqa: ANN401 - of the driver
        cursor = connection.cursor()
        cursor.execute(COMPARE)
        row = cursor.fetchone()
        cursor.close()
        connection.rollback()
        if row is not None and (change := describe_change(*row)):
            raise DatabaseReplacedError(f"{change}.")

    event.listen(engine.sync_engine, "connect", compare)
