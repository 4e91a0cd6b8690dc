# ruff: noqa: S608 - only the fields of row types are put into the SQL
"""Statements of purges: started by a request, run by every service, finished by the owner."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.db.bulk import BigInt, Json, match_company, rows_as_columns, source, statement
from shared.db.purged import HISTORY_OF
from shared.delivery.batch.request_results import encode_fact
from shared.records.purge_steps import COMPANY
from shared.records.rules import Applied
from shared.records.tables import group_keys
from shared.schema import OWNERS


class _NewPurge(NamedTuple):
    company_id: int
    name: str
    request_id: str
    actor: str | None
    deleted: Json


class _PurgedRow(NamedTuple):
    purge_id: BigInt
    name: str
    company_id: int
    id: int


class _Count(NamedTuple):
    name: str
    rows: int


BEGIN = statement(f"""
INSERT INTO "Purges" ("companyId", "tableName", "requestId", actor, deleted)
SELECT b.* FROM {source(_NewPurge)}
RETURNING id, "companyId", "requestId"
""")

INSERT_ROWS = statement(f"""
INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
SELECT b.* FROM {source(_PurgedRow)}
""")

INSERT_HISTORIES = statement(f"""
INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
SELECT b.purge_id, 'Tickets', t."companyId", t.id
FROM {source(_PurgedRow)}
JOIN "Tickets" t ON t."contactId" = b.id AND {match_company("t", "b.company_id")}
""")

# A company's last step waits for other purges of its rows, whose answers must be published first.
OPEN_PURGES = statement("""
SELECT p.id, p."companyId" AS company_id, p."tableName" AS name, p."requestId" AS request_id,
       p.actor, p.deleted, p.done,
       p."tableName" = 'Companies' AND EXISTS (
         SELECT FROM "PurgedRows" root, "Purges" other
         WHERE root."purgeId" = p.id AND other."finishedAt" IS NULL
           AND other."tableName" <> 'Companies'
           AND (other."companyId" = root."companyId" OR EXISTS (
                SELECT FROM "PurgedRows" r
                WHERE r."purgeId" = other.id AND r."companyId" = root."companyId"))) AS waits
FROM "Purges" p WHERE p."finishedAt" IS NULL AND p."olderThan" IS NULL ORDER BY p.id LIMIT 100
""")

SAVE_PROGRESS = statement(f"""
UPDATE "Purges" p
SET done = p.done || CAST(:done AS jsonb),
    removed = p.removed || (
      SELECT COALESCE(jsonb_object_agg(b.name, b.rows + COALESCE((p.removed ->> b.name)::int, 0)),
                      '{{}}')
      FROM {source(_Count)}),
    "finishedAt" = CASE WHEN CAST(:finished AS boolean) THEN clock_timestamp() END
WHERE p.id = :id
RETURNING p.removed, clock_timestamp() AS at
""")

# The row of the company itself stays, so that its later records are rejected.
FORGET_ROWS = statement("""
DELETE FROM "PurgedRows" r USING "PurgedRows" root
WHERE root."purgeId" = :id AND r."companyId" = root."companyId" AND r."tableName" <> 'Companies'
""")
FORGET_PURGES = statement("""
DELETE FROM "Purges" p USING "PurgedRows" root
WHERE root."purgeId" = :id AND p."companyId" = root."companyId"
""")
FORGET_SEED_ROWS = statement("SELECT forget_seed_rows()")

ADD_ANSWER = statement("""
UPDATE "Requests" SET answer = answer || CAST(:fact AS jsonb)
WHERE service = :service AND "companyId" = :company_id AND "requestId" = :request_id
""")


@dataclass(frozen=True, slots=True)
class Purge:
    """An open purge; `waits` if its last step has to wait for other purges.

    `name` is the table that the request named, `deleted` its keys, `done` the steps that are done.
    """

    id: int
    company_id: int
    name: str
    request_id: str
    actor: str | None
    deleted: dict[str, list[dict[str, Any]]]
    done: list[str]
    waits: bool

    @property
    def root(self) -> str:
        """Return the table whose rows are deleted: of a contact's history, its tickets."""
        return HISTORY_OF.get(self.name, self.name)

    @property
    def is_of_companies(self) -> bool:
        """Return whether whole companies are deleted."""
        return self.name == COMPANY


async def begin_purges(conn: AsyncConnection, requests: Sequence[Applied]) -> None:
    """Save the rows that are to be deleted; from then on their new records are rejected."""
    purges = [
        _NewPurge(
            each.request.company_id,
            _get_table(each),
            each.request.request_id,
            each.request.actor,
            json.dumps(group_keys(each.deleted)),
        )
        for each in requests
    ]
    begun = (await conn.execute(BEGIN, rows_as_columns(purges, _NewPurge))).all()
    ids = {(row.companyId, row.requestId): row.id for row in begun}
    rows = [
        _PurgedRow(ids[each.request.company_id, each.request.request_id], _get_table(each), *row)
        for each in requests
        for row in sorted(each.purged)
    ]
    if histories := [row for row in rows if row.name in HISTORY_OF]:
        await conn.execute(INSERT_HISTORIES, rows_as_columns(histories, _PurgedRow))
    if others := [row for row in rows if row.name not in HISTORY_OF]:
        await conn.execute(INSERT_ROWS, rows_as_columns(others, _PurgedRow))


def _get_table(request: Applied) -> str:
    (name,) = {name for name, _ in request.deleted}
    return name


async def load_open_purges(conn: AsyncConnection) -> list[Purge]:
    """Return the oldest 100 purges that are not finished."""
    return [Purge(**row) for row in (await conn.execute(OPEN_PURGES)).mappings()]


async def save_progress(
    conn: AsyncConnection,
    purge: Purge,
    done: Collection[str],
    counts: Mapping[str, int],
    *,
    finished: bool,
) -> tuple[dict[str, int], datetime]:
    """Save what a service did; return the counts of all steps so far, and the time."""
    parameters = rows_as_columns([_Count(*count) for count in counts.items()], _Count) | {
        "id": purge.id,
        "done": json.dumps(list(done)),
        "finished": finished,
    }
    row = (await conn.execute(SAVE_PROGRESS, parameters)).one()
    return row.removed, row.at


async def finish(conn: AsyncConnection, purge: Purge, answer: Event) -> None:
    """Save the answer of the request; for companies delete their other purges and seed rows."""
    if purge.is_of_companies:
        await conn.execute(FORGET_ROWS, {"id": purge.id})
        await conn.execute(FORGET_PURGES, {"id": purge.id})
        await conn.execute(FORGET_SEED_ROWS)
    parameters = {
        "fact": json.dumps([encode_fact(answer)]),
        "service": OWNERS[purge.name],
        "company_id": purge.company_id,
        "request_id": purge.request_id,
    }
    await conn.execute(ADD_ANSWER, parameters)
