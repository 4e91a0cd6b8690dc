"""Brings the rows of an archive back: exactly these, or none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.archive.content import (
    MESSAGES,
    TICKETS,
    Content,
    list_cleared_references,
    list_json_columns,
    list_tables,
)
from shared.archive.manifest import ArchiveManifest, name_prefix, read_manifest
from shared.backup.checksums import list_differences, load_columns, sum_tables
from shared.backup.errors import DamagedBackupError, ForeignBackupError, RefusalError
from shared.backup.pipes import Tally, decompress
from shared.backup.places import Place, open_place
from shared.db.bulk import statement
from shared.db.engine import create_unpooled_engine
from shared.db.errors import read_constraint_name, read_sqlstate
from shared.db.policies import quote_name, quote_table

LINES_AT_ONCE: Final = 1_000

COMPANY = statement('SELECT name FROM "Companies" WHERE id = :company')
LIMIT = statement(
    'SELECT "messageRetentionDays" FROM "CompaniesSettings" WHERE "companyId" = :company'
)

CREATE_DRAFT = """
CREATE TEMPORARY TABLE archived_rows (name text NOT NULL, id int, row json NOT NULL)
ON COMMIT DROP"""

LOAD = statement("""
INSERT INTO archived_rows (name, id, row)
SELECT line ->> 'table', CAST(line #>> '{row,id}' AS int), line -> 'row'
FROM (SELECT CAST(each AS json) AS line FROM unnest(CAST(:lines AS text[])) AS each) AS lines
""")

IDS = statement("""
SELECT name, array_agg(id) AS ids FROM archived_rows
WHERE name IN ('Messages', 'Tickets') GROUP BY name
""")

# A ticket may be in the archives of several months, so it may be there again already.
OTHERS = statement("""
SELECT count(*) FILTER (WHERE name = 'Messages') AS messages,
       count(*) FILTER (WHERE name = 'Tickets') AS tickets
FROM archived_rows a
WHERE (name = 'Messages' AND EXISTS (SELECT FROM "Messages" m WHERE m.id = a.id))
   OR (name = 'Tickets' AND EXISTS (
        SELECT FROM "Tickets" t
        WHERE t.id = a.id AND (t."companyId" <> CAST(a.row ->> 'companyId' AS int)
                               OR CAST(t.uuid AS text) IS DISTINCT FROM a.row ->> 'uuid')))
""")

FORGET_THOSE_THERE = statement("""
DELETE FROM archived_rows a
WHERE EXISTS (
  SELECT FROM "Tickets" t
  WHERE t.id = CASE a.name WHEN 'Tickets' THEN a.id ELSE CAST(a.row ->> 'ticketId' AS int) END)
  AND a.name <> 'Messages'
""")


@dataclass(frozen=True, slots=True)
class Unarchived:
    """What was brought back: the rows by table, and the differences from the archive in words.

    `limit_days` is for how long the company keeps messages; None: for ever.
    """

    where: str
    rows: Mapping[str, int]
    differences: list[str]
    limit_days: int | None


async def unarchive(url: str, address: str, company: int, month: str) -> list[Unarchived]:
    """Bring back all archives of a company and month, in one transaction.

    Raises ForeignBackupError if there is none, DamagedBackupError if one is not what its manifest
    says, and RefusalError if the database has no place for the rows.
    """
    place = open_place(address)
    prefix = name_prefix(company, month)
    folders = [name for name in place.list_folders() if name.startswith(prefix)]
    if not folders:
        where = place.describe("").rstrip("/")
        raise ForeignBackupError(f"{where} has no archive of company {company} and {month}.")
    engine = create_unpooled_engine(url, "chatia db unarchive")
    async with engine.begin() as conn:
        if await conn.scalar(COMPANY, {"company": company}) is None:
            raise RefusalError(f"There is no company {company}: restore it from a backup first.")
        return [await _bring_back(conn, place, folder) for folder in folders]


async def _bring_back(conn: AsyncConnection, place: Place, folder: str) -> Unarchived:
    where = place.describe(folder)
    manifest = read_manifest(place, folder)
    columns = await load_columns(conn)
    _check_columns(manifest, columns, where)
    await conn.exec_driver_sql("DROP TABLE IF EXISTS archived_rows")
    await conn.exec_driver_sql(CREATE_DRAFT)
    await _load(conn, place, f"{folder}/{manifest.file.name}", manifest)
    content = await _read_content(conn, manifest.company)
    others = (await conn.execute(OTHERS)).one()
    if others.messages or others.tickets:
        raise RefusalError(
            f"{others.messages} messages and {others.tickets} tickets of {where} are there "
            "already, or their ids belong to others: nothing was brought back."
        )
    await conn.execute(FORGET_THOSE_THERE)
    try:
        rows = {
            table: (await conn.execute(text(_build_insert(table, manifest)))).rowcount
            for table in list_tables()
            if table in manifest.tables
        }
    except IntegrityError as error:
        refused = describe_conflict(where, read_sqlstate(error), read_constraint_name(error))
        raise RefusalError(refused) from error
    differences = await _compare(conn, manifest, content)
    limit = await conn.scalar(LIMIT, {"company": manifest.company})
    return Unarchived(where, {name: n for name, n in rows.items() if n}, differences, limit)


def describe_conflict(where: str, sqlstate: str, constraint: str) -> str:
    """Return in a sentence why the database does not take the rows of an archive."""
    match sqlstate:
        case "23505":  # such as when two bring the same month back at once
            reason = "are there already, or other rows are in their place"
        case "23503":
            reason = "belong to a contact, line or other row that is no longer there"
        case _:
            reason = "do not fit the tables"
    return f"Rows of {where} {reason} ({constraint}): nothing was brought back."


def _check_columns(manifest: ArchiveManifest, columns: Mapping[str, list[str]], where: str) -> None:
    for table, archived in manifest.tables.items():
        if missing := set(archived.columns) - set(columns.get(table, ())):
            raise RefusalError(
                f"{where} has {table}.{min(missing)}, which this database does not have: "
                "`chatia db upgrade` or `downgrade` to its revision first."
            )


async def _load(conn: AsyncConnection, place: Place, path: str, manifest: ArchiveManifest) -> None:
    """Compare the file with its manifest, and load the lines into a temporary table."""
    check_file(place, path, manifest)
    batch: list[str] = []
    for line in _split(decompress(place.read(path))):
        batch.append(line)
        if len(batch) >= LINES_AT_ONCE:
            await conn.execute(LOAD, {"lines": batch})
            batch = []
    if batch:
        await conn.execute(LOAD, {"lines": batch})


def check_file(place: Place, path: str, manifest: ArchiveManifest) -> None:
    """Raise DamagedBackupError, with the file's name, unless it is what its manifest says."""
    tally = Tally()
    for _ in tally.pass_on(place.read(path)):
        pass
    if (tally.size, tally.sha256) != (manifest.file.size, manifest.file.sha256):
        raise DamagedBackupError(
            f"{place.describe(path)} is not what its manifest says: it was changed, or cut off."
        )


def _split(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines if line)


async def _read_content(conn: AsyncConnection, company: int) -> Content:
    await conn.exec_driver_sql("CREATE INDEX ON archived_rows (name, id)")
    await conn.exec_driver_sql("ANALYZE archived_rows")
    ids = {row.name: row.ids for row in await conn.execute(IDS)}
    return Content(company, ids.get(MESSAGES, []), set(ids.get(TICKETS, [])))


def _build_insert(table: str, manifest: ArchiveManifest) -> str:
    """Return the INSERT of a table's archived rows; references to rows that are gone are NULL."""
    columns = manifest.tables[table].columns
    listed = ", ".join(map(quote_name, columns))
    values = ", ".join(_build_value(table, name) for name in columns)
    return f"""
INSERT INTO {quote_table(table)} ({listed})
SELECT {values} FROM archived_rows a
CROSS JOIN LATERAL json_populate_record(CAST(NULL AS {quote_table(table)}), a.row) AS r
WHERE a.name = '{table}'"""  # noqa: S608 - the names of mapped tables and columns


def _build_value(table: str, name: str) -> str:
    column = f"r.{quote_name(name)}"
    if name in list_json_columns(table):
        return f"CAST(a.row ->> '{name}' AS json)"
    parent = dict(list_cleared_references(table)).get(name)
    if parent is None:
        return column
    there = f"""EXISTS (SELECT FROM {quote_table(parent)} p
      WHERE p."companyId" = r."companyId" AND p.id = {column})"""
    if parent == table:  # the rows of one statement are checked at its end
        there += f""" OR EXISTS (SELECT FROM archived_rows o
      WHERE o.name = '{table}' AND o.id = {column})"""
    return f"CASE WHEN {there} THEN {column} END"


async def _compare(conn: AsyncConnection, manifest: ArchiveManifest, content: Content) -> list[str]:
    """Return how the rows differ now; raises DamagedBackupError if rows are missing."""
    found = await sum_tables(conn, content.build_conditions())
    sums = {name: (table.rows, table.checksum) for name, table in found.items()}
    missing = [name for name, table in manifest.tables.items() if found[name].rows < table.rows]
    if missing:
        raise DamagedBackupError(
            f"The archive has fewer rows of {missing[0]} than its manifest says."
        )
    return list_differences(manifest.tables, sums)
