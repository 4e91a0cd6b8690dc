# ruff: noqa: S608 - the names in the statements are those of our own tables
"""The SQL of a purge's steps: each takes at most so many rows, in one statement."""

from functools import cache
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.records.hanging import COMPANY, Branch, Step, company_column, steps_of
from shared.schema import metadata

ROOTS = """
SELECT r."companyId" AS company, r."rowId" AS id FROM "PurgedRows" r WHERE r."purgeId" = :purge"""

GROWN = """"updatedAt" = GREATEST(clock_timestamp(), "updatedAt" + interval '1 microsecond')"""

# Of the rows that every service has of its own, those of the companies.
OWN = {
    "Requests": 't.service = :service AND t."companyId" = h.id',
    "DeadLetters": 't.service = :service AND t."companyId" = h.id',
    "Quarantines": "t.service = :service AND split_part(t.line, ':', 1) = CAST(h.id AS text)",
}

# Locked as batches lock them, so that neither waits for the other for ever.
NO_LONGER_ASIDE = f"""
WITH going AS (SELECT array_agg(CAST(h.id AS text)) AS lanes FROM ({ROOTS}) h), held AS (
  SELECT t.service, t.topic, t.partition FROM "Checkpoints" t, going
  WHERE t.service = :service AND t.aside ?| going.lanes
  ORDER BY t.topic, t.partition FOR NO KEY UPDATE OF t)
UPDATE "Checkpoints" t SET aside = t.aside - going.lanes FROM held, going
WHERE t.service = held.service AND t.topic = held.topic AND t.partition = held.partition
"""

CLOSE = f"""
UPDATE "Tickets" t SET status = 'closed', "closedAt" = clock_timestamp(), {{grown}}
FROM (SELECT t.id FROM ({ROOTS}) h JOIN "Tickets" t ON t."companyId" = h.company AND t.id = h.id
      WHERE t.status <> 'closed' ORDER BY t.id LIMIT :most FOR NO KEY UPDATE OF t) AS live
WHERE t.id = live.id
""".replace("{grown}", GROWN.replace(', "updatedAt"', ', t."updatedAt"'))


async def carry(
    conn: AsyncConnection, purge_id: int, root: str, step: Step, service: str, most: int
) -> int:
    """Do a step with at most so many rows; gives how many there were."""
    given: dict[str, Any] = {"purge": purge_id, "most": most, "service": service}
    sql, names = _statement(root, step.name)
    found = await conn.execute(sql, {name: given[name] for name in names})
    if found.returns_rows:
        return int(found.scalar_one() or 0)
    return found.rowcount


@cache
def _statement(root: str, name: str) -> tuple[TextClause, tuple[str, ...]]:
    """Prepare a step's SQL, and name its parameters."""
    step = next(step for step in steps_of(root) if step.name == name)
    sql = statement(_sql(root, step))
    return sql, tuple(sql.compile().params)


def _sql(root: str, step: Step) -> str:
    if step.what == "close":
        return CLOSE
    if step.table == "Checkpoints":
        return NO_LONGER_ASIDE
    if step.is_by_function:
        return _by_function(root, step)
    chosen, still = _chosen_in_place(root, step)
    if step.what == "delete":
        return f'{chosen} DELETE FROM "{step.table}" WHERE {still}'
    grown = f", {GROWN}" if "updatedAt" in metadata.tables[step.table].columns else ""
    (branch,) = step.branches
    return f'{chosen} UPDATE "{step.table}" SET "{branch.column}" = NULL{grown} WHERE {still}'


def _by_function(root: str, step: Step) -> str:
    company = company_column(step.table)
    chosen = _chosen(root, step, f't."{company}" AS company, t.id')
    return f"""
SELECT purge_rows(:purge, '{step.table}', array_agg(chosen.company), array_agg(chosen.id))
FROM ({chosen}) AS chosen"""


def _chosen_in_place(root: str, step: Step) -> tuple[str, str]:
    """Choose rows by where they lie, and say that they hang there still.

    Somebody may give a row another parent while it is waited for, and Postgres before its minor
    releases of November 2025 then takes the new version without asking again where it lies.
    """
    chosen = f"WITH chosen AS MATERIALIZED ({_chosen(root, step, 't.ctid AS at')})"
    still = ["ctid = ANY(ARRAY(SELECT chosen.at FROM chosen))"]
    if step.branches:
        hanging = " OR ".join(
            f'"{branch.column}" = ANY('
            f"ARRAY(SELECT chosen.parent FROM chosen WHERE chosen.branch = {number}))"
            for number, branch in enumerate(step.branches)
        )
        still.append(f"({hanging})")
    return chosen, " AND ".join(still)


def _chosen(root: str, step: Step, columns: str) -> str:
    """Choose rows, as many as a step may take."""
    table, company = step.table, company_column(step.table)
    if table in OWN:
        condition = OWN[table]
    elif step.branches:
        found = " UNION ALL ".join(
            f"SELECT {columns}, h.id AS parent, {number} AS branch "
            f"FROM ({_hanging(root, branch.parent)}) h {_join(table, branch)}"
            for number, branch in enumerate(step.branches)
        )
        return f"SELECT DISTINCT * FROM ({found} LIMIT :most) AS found"
    elif root == COMPANY:
        condition = f't."{company}" = h.id'
    else:
        condition = f't."{company}" = h.company AND t.id = h.id'
    # Asked for company by company, so that an index finds them whatever statistics say.
    return f"""
SELECT found.* FROM ({ROOTS}) h
CROSS JOIN LATERAL (SELECT {columns} FROM "{table}" t WHERE {condition} LIMIT :most) AS found
LIMIT :most"""


def _hanging(root: str, table: str) -> str:
    """Give the rows of a table that go, as (company, id)."""
    if table == root:
        return ROOTS
    step = next(step for step in steps_of(root) if step.name == table)
    return " UNION ALL ".join(
        f'SELECT t."{company_column(table)}" AS company, t.id '
        f"FROM ({_hanging(root, branch.parent)}) h {_join(table, branch)}"
        for branch in step.branches
    )


def _join(table: str, branch: Branch) -> str:
    """Find children by their parent's id, which no two companies share.

    The company is named only where an index begins with it, and then so that nothing can be joined
    by it alone: without statistics the planner takes one company's rows for few.
    """
    condition = f't."{branch.column}" = h.id'
    if not _is_found_by(table, branch.column):
        condition += f' AND t."{company_column(table)}" = h.company + 0'
    return f'JOIN "{table}" t ON {condition}'


def _is_found_by(table: str, column: str) -> bool:
    firsts = (next(iter(index.columns), None) for index in metadata.tables[table].indexes)
    return any(first is not None and first.name == column for first in firsts)
