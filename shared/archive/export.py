# ruff: noqa: S608 - only our own numbers are put into the SQL
"""Writes the archives of a company: one for each month, all read in one snapshot."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Final

import zstandard
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.archive.content import Content, build_select
from shared.archive.counts import find_months
from shared.archive.manifest import ROWS, ArchiveManifest, name_folder
from shared.backup.checksums import sum_tables
from shared.backup.manifest import FILE, StoredFile, TableSum
from shared.backup.pipes import CHUNK_BYTES, LEVEL, Tally
from shared.backup.places import Place, open_place
from shared.db.bulk import statement
from shared.db.engine import create_unpooled_engine
from shared.retention import Cutoffs
from shared.version import VERSION

TICKETS_AT_ONCE: Final = 5_000

MESSAGES = statement("""
SELECT id, "ticketId" AS ticket_id FROM "Messages"
WHERE "companyId" = :company
  AND timezone('UTC', "createdAt") >= timezone('UTC', CAST(:since AS timestamptz))
  AND timezone('UTC', "createdAt") < timezone('UTC', CAST(:until AS timestamptz))
  AND "updatedAt" <= :unchanged
""")

# Those that have no other messages than such as are archived.
TICKETS = statement(f"""
SELECT t.id, t."updatedAt" AS at, COALESCE(t."closedAt", t."updatedAt") AS closed_at,
       t."updatedAt" <= :unchanged AND (t."closedAt" IS NULL OR t."closedAt" < :before)
       AND NOT EXISTS (
         SELECT FROM "Messages" m WHERE m."ticketId" = t.id
         AND (m."createdAt" >= COALESCE(CAST(:messages_before AS timestamptz), '-infinity')
              OR m."updatedAt" > :unchanged)) AS goes
FROM (SELECT id, "updatedAt", "closedAt" FROM "Tickets"
      WHERE "companyId" = :company AND status = 'closed'
        AND ("updatedAt", id) > (CAST(:at AS timestamptz), CAST(:id AS int))
        AND "updatedAt" < CAST(:before AS timestamptz)
      ORDER BY "updatedAt" ASC NULLS FIRST, id ASC NULLS FIRST LIMIT {TICKETS_AT_ONCE}) AS t
ORDER BY t."updatedAt", t.id
""")


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a company is archived: rows before the cutoffs that did not change lately."""

    company_id: int
    cutoffs: Cutoffs
    unchanged_since: datetime


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive that was written."""

    where: str
    manifest: ArchiveManifest

    @property
    def rows(self) -> int:
        """Return the rows of all tables."""
        return self.manifest.rows

    def describe(self) -> dict[str, Any]:
        """Return it for programs."""
        rows = {name: table.rows for name, table in self.manifest.tables.items() if table.rows}
        about = {"company": self.manifest.company, "month": self.manifest.month}
        return about | {"where": self.where, "rows": rows}


async def archive_company(
    url: str, address: str, scope: Scope, archived_at: datetime
) -> list[Archived]:
    """Write the archives of a company's months into a folder or bucket.

    Raises PlaceError if the place cannot be written.
    """
    place = open_place(address)
    engine = create_unpooled_engine(url, "chatia db purge")
    engine = engine.execution_options(isolation_level="REPEATABLE READ")
    async with engine.connect() as conn:
        return [
            await _write(conn, place, month, content, archived_at)
            async for month, content in find_content(conn, scope)
        ]


async def find_content(conn: AsyncConnection, scope: Scope) -> AsyncIterator[tuple[str, Content]]:
    """Yield the months (such as 2025-03) with their messages and tickets.

    A ticket is in each month from which it has messages, so that a month alone can be brought
    back; one without messages is in the month in which it was closed.
    """
    closed = {ticket_id: at async for ticket_id, at in _find_tickets(conn, scope)}
    without_messages = set(closed)
    late: dict[str, Content] = {}
    if scope.cutoffs.messages is not None:
        async for since, until in find_months(conn, scope.company_id, scope.cutoffs.messages):
            window = {"since": since, "until": until, "unchanged": scope.unchanged_since}
            rows = (await conn.execute(MESSAGES, window | {"company": scope.company_id})).all()
            tickets = {row.ticket_id for row in rows} & closed.keys()
            without_messages -= tickets
            late[f"{since:%Y-%m}"] = Content(scope.company_id, [row.id for row in rows], tickets)
    for ticket_id in without_messages:
        month = f"{closed[ticket_id]:%Y-%m}"
        late.setdefault(month, Content(scope.company_id)).tickets.add(ticket_id)
    for month in sorted(late):
        if late[month].messages or late[month].tickets:
            yield month, late[month]


async def _find_tickets(conn: AsyncConnection, scope: Scope) -> AsyncIterator[tuple[int, datetime]]:
    at, ticket_id = datetime.min.replace(tzinfo=UTC), 0
    while scope.cutoffs.closed_tickets is not None:
        given = {
            "company": scope.company_id,
            "at": at,
            "id": ticket_id,
            "before": scope.cutoffs.closed_tickets,
            "messages_before": scope.cutoffs.messages,
            "unchanged": scope.unchanged_since,
        }
        rows = (await conn.execute(TICKETS, given)).all()
        if not rows:
            break
        for row in rows:
            if row.goes:
                yield row.id, row.closed_at.astimezone(UTC)
        at, ticket_id = rows[-1].at, rows[-1].id


async def _write(
    conn: AsyncConnection, place: Place, month: str, content: Content, archived_at: datetime
) -> Archived:
    conditions = content.build_conditions()
    sums = await sum_tables(conn, conditions)
    folder = name_folder(content.company_id, month, archived_at)
    with tempfile.TemporaryFile() as file:
        await _write_lines(conn, file, conditions, sums)
        file.seek(0)
        tally = Tally()
        place.write(f"{folder}/{ROWS}", tally.pass_on(_read_chunks(file)))
    manifest = ArchiveManifest(
        version=VERSION,
        company=content.company_id,
        month=month,
        archived_at=archived_at,
        tables=sums,
        file=StoredFile(name=ROWS, size=tally.size, sha256=tally.sha256),
    )
    place.write_at_once(f"{folder}/{FILE}", manifest.model_dump_json(indent=2).encode())
    return Archived(place.describe(folder), manifest)


async def _write_lines(
    conn: AsyncConnection,
    file: IO[bytes],
    conditions: dict[str, str],
    sums: dict[str, TableSum],
) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with compressor.stream_writer(file, closefd=False) as lines:
        for table, condition in conditions.items():
            if sums[table].rows:
                query = text(build_select(table, sums[table].columns, condition))
                async for row in await conn.stream(query):
                    lines.write(row.line.encode() + b"\n")


def _read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
