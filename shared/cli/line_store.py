# ruff: noqa: S608 - only the fields of row types and constants are put into the SQL
"""SQL of `chatia lines`: find, register and list lines, their connections and send rates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.errors import InvalidUsageError
from shared.cli.line_csv import LineRow
from shared.cli.line_rules import (
    ConnectionKey,
    Plan,
    Stored,
    StoredConnection,
    StoredLine,
    list_connections,
)
from shared.db.bulk import rows_as_columns, source, statement
from shared.db.purged import exclude_purged
from shared.gateways.senders.registry import SENDERS


class LineName(NamedTuple):
    """A line as a row names it; the id is 0 if the row names none."""

    company_id: int
    whatsapp_id: int
    name: str


class ConnectionName(NamedTuple):
    """The unique key of a connection."""

    gateway: str
    server: str
    instance: str


class NewConnection(NamedTuple):
    """A row of "GatewayConnections" to insert."""

    gateway: str
    server: str
    instance: str
    portfolio: str | None
    company_id: int
    whatsapp_id: int


class ChangedConnection(NamedTuple):
    """A row of "GatewayConnections" to update."""

    id: int
    gateway: str
    server: str
    instance: str
    portfolio: str | None


class Rate(NamedTuple):
    """The time between two campaign sends of a line, in ms."""

    company_id: int
    whatsapp_id: int
    interval_ms: int


# One registration at a time, so that none sees another one's half.
ONE_AT_A_TIME = statement("SELECT pg_advisory_xact_lock(hashtext('chatia lines register'))")

ROOM = statement(f"""
SELECT c.id, p.connections - (
  SELECT count(*) FROM "Whatsapps" w WHERE w."companyId" = c.id) AS room
FROM "Companies" c LEFT JOIN "Plans" p ON p.id = c."planId"
WHERE c.id = ANY(CAST(:company_id AS int[])) AND {exclude_purged("Companies", "c")}
""")

FIND_LINES = statement(f"""
SELECT DISTINCT w."companyId", w.id, w.name, NOT {exclude_purged("Whatsapps", "w")} AS is_leaving,
       r."intervalMs"
FROM {source(LineName)}
JOIN "Whatsapps" w ON w.id = b.whatsapp_id OR (w."companyId" = b.company_id AND w.name = b.name)
LEFT JOIN "LineSendRates" r ON r."companyId" = w."companyId" AND r."whatsappId" = w.id
""")

FIND_CONNECTIONS = statement(f"""
SELECT g.id, g.gateway, rtrim(g.server, '/') AS server, g.instance, g.portfolio, g."companyId",
       g."whatsappId"
FROM {source(ConnectionName)}
JOIN "GatewayConnections" g
  ON g.gateway = b.gateway AND g.instance = b.instance AND rtrim(g.server, '/') = b.server
UNION
SELECT id, gateway, rtrim(server, '/'), instance, portfolio, "companyId", "whatsappId"
FROM "GatewayConnections" WHERE "whatsappId" = ANY(CAST(:whatsapp_id AS int[]))
""")

# Ids that were inserted without the sequence are skipped.
MOVE_SEQUENCE = statement("""
SELECT setval(pg_get_serial_sequence('"Whatsapps"', 'id'),
              GREATEST(nextval(pg_get_serial_sequence('"Whatsapps"', 'id')), :least,
                       (SELECT max(id) FROM "Whatsapps")))
""")

NEW_IDS = statement("""
SELECT nextval(pg_get_serial_sequence('"Whatsapps"', 'id')) FROM generate_series(1, :count)
""")

INSERT_LINES = statement(f"""
INSERT INTO "Whatsapps" (id, "companyId", name, channel)
SELECT whatsapp_id, company_id, name, 'whatsapp' FROM {source(LineName)}
""")

INSERT_CONNECTIONS = statement(f"""
INSERT INTO "GatewayConnections"
  (gateway, server, instance, portfolio, "companyId", "whatsappId")
SELECT * FROM {source(NewConnection)}
""")

UPDATE_CONNECTIONS = statement(f"""
UPDATE "GatewayConnections" g
SET gateway = b.gateway, server = b.server, instance = b.instance, portfolio = b.portfolio,
    "updatedAt" = now()
FROM {source(ChangedConnection)} WHERE g.id = b.id
""")

# The next send is at most one new interval away, however long the former one was.
SAVE_RATES = statement(f"""
INSERT INTO "LineSendRates" AS r ("companyId", "whatsappId", "intervalMs")
SELECT * FROM {source(Rate)} ORDER BY company_id, whatsapp_id
ON CONFLICT ("companyId", "whatsappId") DO UPDATE
SET "intervalMs" = EXCLUDED."intervalMs", "updatedAt" = now(),
    "nextSendAt" = LEAST(r."nextSendAt", now() + EXCLUDED."intervalMs" * interval '1 millisecond')
WHERE r."intervalMs" <> EXCLUDED."intervalMs"
RETURNING "companyId", "whatsappId"
""")

DELETE_RATE = statement("""
DELETE FROM "LineSendRates" WHERE "companyId" = :company AND "whatsappId" = :line
""")

# The connection is the one that the sender uses, else the one registered first.
LIST = statement(f"""
SELECT w."companyId" AS company, w.id AS line, w.name, w.status, c.gateway, c.server, c.instance,
       r."intervalMs" AS interval_ms
FROM "Whatsapps" w
LEFT JOIN LATERAL (
  SELECT g.gateway, g.server, g.instance FROM "GatewayConnections" g
  WHERE g."companyId" = w."companyId" AND g."whatsappId" = w.id
  ORDER BY g.server <> '' AND g.gateway = ANY(CAST(:gateways AS text[])) DESC, g.id LIMIT 1
) AS c ON TRUE
LEFT JOIN "LineSendRates" r ON r."companyId" = w."companyId" AND r."whatsappId" = w.id
WHERE w."companyId" = COALESCE(CAST(:company AS int), w."companyId")
  AND {exclude_purged("Whatsapps", "w")}
ORDER BY w."companyId", w.id
""")

LINE_EXISTS = statement(f"""
SELECT EXISTS (SELECT FROM "Whatsapps" w WHERE w.id = :line AND w."companyId" = :company
               AND {exclude_purged("Whatsapps", "w")})
""")

NOW = statement("SELECT clock_timestamp()")

STATUS_IS_SAVED = statement("""
SELECT EXISTS (SELECT FROM "LineStates"
               WHERE "companyId" = :company AND "whatsappId" = :line AND "changedAt" >= :at)
""")


async def load_stored(conn: AsyncConnection, rows: Sequence[LineRow]) -> Stored:
    """Return what the rows may meet; until the transaction ends, nobody else registers lines."""
    await conn.execute(ONE_AT_A_TIME)
    companies = sorted({row.company_id for row in rows})
    room = {r.id: r.room for r in await conn.execute(ROOM, {"company_id": companies})}
    names = [LineName(row.company_id, row.whatsapp_id or 0, row.name) for row in rows]
    found = await conn.execute(FIND_LINES, rows_as_columns(names, LineName))
    lines = [StoredLine(*row) for row in found]
    return Stored(room, lines, await _load_connections(conn, rows, lines))


async def _load_connections(
    conn: AsyncConnection, rows: Sequence[LineRow], lines: Collection[StoredLine]
) -> list[StoredConnection]:
    keys: set[ConnectionKey] = {key for row in rows for _, key in list_connections(row)}
    names = [ConnectionName(*key) for key in sorted(keys)]
    values = {"whatsapp_id": [line.whatsapp_id for line in lines]}
    found = await conn.execute(FIND_CONNECTIONS, rows_as_columns(names, ConnectionName) | values)
    return [StoredConnection(*row) for row in found]


async def save_plan(conn: AsyncConnection, plan: Plan) -> tuple[list[LineRow], set[int]]:
    """Write a plan without problems; return its rows with their ids, and the changed lines."""
    ids = await _insert_lines(conn, plan.new)
    rows = [replace(row, whatsapp_id=ids.get(row.number, row.whatsapp_id)) for row in plan.rows]
    changed = set(ids.values())
    by_number = {row.number: row.whatsapp_id or 0 for row in rows}
    new = [
        NewConnection(*c.key, c.portfolio, c.company_id, by_number[row.number])
        for row, c in plan.connections
        if not c.id
    ]
    moved = [ChangedConnection(c.id, *c.key, c.portfolio) for _, c in plan.connections if c.id]
    await conn.execute(UPDATE_CONNECTIONS, rows_as_columns(moved, ChangedConnection))
    await conn.execute(INSERT_CONNECTIONS, rows_as_columns(new, NewConnection))
    changed |= {by_number[row.number] for row, _ in plan.connections}
    rates = [
        Rate(row.company_id, row.whatsapp_id or 0, row.interval_ms)
        for row in rows
        if row.interval_ms is not None
    ]
    return rows, changed | await save_rates(conn, rates)


async def _insert_lines(conn: AsyncConnection, new: Sequence[LineRow]) -> dict[int, int]:
    """Insert new lines; return their ids by the line number of the file."""
    if not new:
        return {}
    given = [row.whatsapp_id for row in new if row.whatsapp_id is not None]
    await conn.execute(MOVE_SEQUENCE, {"least": max(given, default=1)})
    reserved = iter((await conn.execute(NEW_IDS, {"count": len(new) - len(given)})).scalars().all())
    ids = {row.number: row.whatsapp_id or next(reserved) for row in new}
    names = [LineName(row.company_id, ids[row.number], row.name) for row in new]
    await conn.execute(INSERT_LINES, rows_as_columns(names, LineName))
    return ids


async def save_rates(conn: AsyncConnection, rates: Sequence[Rate]) -> set[int]:
    """Save the rates of lines; return the lines whose rate was another one."""
    rows = await conn.execute(SAVE_RATES, rows_as_columns(rates, Rate))
    return {row.whatsappId for row in rows}


async def delete_rate(conn: AsyncConnection, company: int, line: int) -> None:
    """Delete the rate of a line, which then gets the default one with its next campaign."""
    await conn.execute(DELETE_RATE, {"company": company, "line": line})


async def list_lines(conn: AsyncConnection, company: int | None) -> list[Mapping[str, Any]]:
    """Return all lines, or those of a company, with connection and rate."""
    values = {"company": company, "gateways": sorted(SENDERS)}
    return [dict(row) for row in (await conn.execute(LIST, values)).mappings()]


async def read_now(conn: AsyncConnection) -> datetime:
    """Return the database's time."""
    now: datetime = (await conn.execute(NOW)).scalar_one()
    return now


async def is_status_saved(conn: AsyncConnection, company: int, line: int, at: datetime) -> bool:
    """Return whether the status of a line is of this time, or newer."""
    values = {"company": company, "line": line, "at": at}
    return bool(await conn.scalar(STATUS_IS_SAVED, values))


async def check_line(conn: AsyncConnection, company: int, line: int) -> None:
    """Raise InvalidUsageError for a line that its company does not have."""
    if not await conn.scalar(LINE_EXISTS, {"company": company, "line": line}):
        raise InvalidUsageError(
            f"Company {company} has no line {line}; `chatia lines list` shows all."
        )
