"""What is known of purges: begun by a request, carried on by every owner, finished by one."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.db.bulk import statement
from shared.db.purged import HISTORY_OF
from shared.delivery.requests import stored
from shared.records.deciding import Granted
from shared.records.hanging import COMPANY
from shared.records.tables import keys_of
from shared.schema import OWNERS

BEGIN = statement("""
INSERT INTO "Purges" ("companyId", "tableName", "requestId", actor, deleted)
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:name AS text[]),
                       CAST(:request_id AS text[]), CAST(:actor AS text[]),
                       CAST(:deleted AS jsonb[])) AS b
RETURNING id, "companyId", "requestId"
""")

ROWS = statement("""
INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
SELECT b.* FROM unnest(CAST(:purge AS bigint[]), CAST(:name AS text[]),
                       CAST(:company_id AS int[]), CAST(:id AS int[])) AS b
""")

HISTORIES = statement("""
INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
SELECT b.purge, 'Tickets', t."companyId", t.id
FROM unnest(CAST(:purge AS bigint[]), CAST(:company_id AS int[]), CAST(:id AS int[]))
  AS b(purge, company, id)
JOIN "Tickets" t ON t."companyId" = b.company AND t."contactId" = b.id
""")

# A company waits for the smaller purges of its own, each of which has somebody to answer.
UNDER_WAY = statement("""
SELECT p.id, p."companyId" AS company_id, p."tableName" AS name, p."requestId" AS request_id,
       p.actor, p.deleted, p.done,
       p."tableName" = 'Companies' AND EXISTS (
         SELECT FROM "PurgedRows" root, "Purges" other
         WHERE root."purgeId" = p.id AND other."finishedAt" IS NULL
           AND other."tableName" <> 'Companies'
           AND (other."companyId" = root."companyId" OR EXISTS (
                SELECT FROM "PurgedRows" r
                WHERE r."purgeId" = other.id AND r."companyId" = root."companyId"))) AS waits
FROM "Purges" p WHERE p."finishedAt" IS NULL ORDER BY p.id LIMIT 100
""")

NOTE = statement("""
UPDATE "Purges" p
SET done = p.done || CAST(:done AS jsonb),
    removed = p.removed || (
      SELECT COALESCE(jsonb_object_agg(b.name, b.count + COALESCE((p.removed ->> b.name)::int, 0)),
                      '{}')
      FROM unnest(CAST(:name AS text[]), CAST(:count AS int[])) AS b(name, count)),
    "finishedAt" = CASE WHEN CAST(:finished AS boolean) THEN clock_timestamp() END
WHERE p.id = :id
RETURNING p.removed, clock_timestamp() AS at
""")

# A company's finished purges name it no longer; its own stays, so that what comes is refused.
FORGET_ROWS = statement("""
DELETE FROM "PurgedRows" r USING "PurgedRows" root
WHERE root."purgeId" = :id AND r."companyId" = root."companyId" AND r."tableName" <> 'Companies'
""")
FORGET_PURGES = statement("""
DELETE FROM "Purges" p USING "PurgedRows" root
WHERE root."purgeId" = :id AND p."companyId" = root."companyId"
""")
FORGET_SEED_ROWS = statement("SELECT forget_seed_rows()")

ANSWER = statement("""
UPDATE "Requests" SET answer = answer || CAST(:fact AS jsonb)
WHERE service = :service AND "companyId" = :company_id AND "requestId" = :request_id
""")


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge that is under way; `waits` where nothing but its end is left to others."""

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
        """The table whose rows go: of a contact, its history's."""
        return HISTORY_OF.get(self.name, self.name)

    @property
    def is_of_companies(self) -> bool:
        """Whether whole companies go."""
        return self.name == COMPANY


async def begin(conn: AsyncConnection, granted: Sequence[Granted]) -> None:
    """Write down what is to be deleted; from then on new traffic for it is refused."""
    given = {
        "company_id": [each.request.company_id for each in granted],
        "name": [_table(each) for each in granted],
        "request_id": [each.request.request_id for each in granted],
        "actor": [each.request.actor for each in granted],
        "deleted": [json.dumps(keys_of(each.deleted)) for each in granted],
    }
    begun = (await conn.execute(BEGIN, given)).all()
    ids = {(row.companyId, row.requestId): row.id for row in begun}
    rows = [
        (ids[each.request.company_id, each.request.request_id], _table(each), *purged)
        for each in granted
        for purged in sorted(each.purged)
    ]
    if histories := [row for row in rows if row[1] in HISTORY_OF]:
        await conn.execute(HISTORIES, _columns(histories))
    if others := [row for row in rows if row[1] not in HISTORY_OF]:
        await conn.execute(ROWS, _columns(others) | {"name": [row[1] for row in others]})


def _columns(rows: Iterable[tuple[int, str, int, int]]) -> dict[str, list[Any]]:
    listed = list(rows)
    return {
        "purge": [row[0] for row in listed],
        "company_id": [row[2] for row in listed],
        "id": [row[3] for row in listed],
    }


def _table(granted: Granted) -> str:
    (name,) = {name for name, _ in granted.deleted}
    return name


async def under_way(conn: AsyncConnection) -> list[Purge]:
    """Read the oldest purges that are not finished."""
    return [Purge(**row) for row in (await conn.execute(UNDER_WAY)).mappings()]


async def note(
    conn: AsyncConnection,
    purge: Purge,
    done: Collection[str],
    counts: Mapping[str, int],
    *,
    finished: bool,
) -> tuple[dict[str, int], datetime]:
    """Write down what a service did; gives the counts of all steps so far, and the time."""
    given = {
        "id": purge.id,
        "done": json.dumps(list(done)),
        "name": list(counts),
        "count": list(counts.values()),
        "finished": finished,
    }
    row = (await conn.execute(NOTE, given)).one()
    return row.removed, row.at


async def finish(conn: AsyncConnection, purge: Purge, answer: Event) -> None:
    """Clear away what named deleted companies, and let the request's repetition be told the end."""
    if purge.is_of_companies:
        await conn.execute(FORGET_ROWS, {"id": purge.id})
        await conn.execute(FORGET_PURGES, {"id": purge.id})
        await conn.execute(FORGET_SEED_ROWS)
    given = {
        "fact": json.dumps([stored(answer)]),
        "service": OWNERS[purge.name],
        "company_id": purge.company_id,
        "request_id": purge.request_id,
    }
    await conn.execute(ANSWER, given)
