# ruff: noqa: S608 - the names in the SQL are those of mapped tables
"""The SQL of a purge's steps: one statement each, for a limited number of rows.

The rows to delete are those that "PurgedRows" names, or a list of ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.records.purge_steps import (
    COMPANY,
    Branch,
    PurgeStep,
    build_steps,
    find_company_id_column,
)
from shared.schema import metadata

ROOTS = """
SELECT r."companyId" AS company, r."rowId" AS id FROM "PurgedRows" r WHERE r."purgeId" = :purge"""

LISTED_ROOTS = """
SELECT CAST(:company AS int) AS company, listed.id FROM unnest(CAST(:ids AS int[])) AS listed(id)"""

STAMP = """"updatedAt" = GREATEST(clock_timestamp(), "updatedAt" + interval '1 microsecond')"""

# The rows of deleted companies in tables of which every service has rows.
OWN_ROWS = {
    "Requests": 't.service = :service AND t."companyId" = h.id',
    "DeadLetters": 't.service = :service AND t."companyId" = h.id',
    "Quarantines": "t.service = :service AND split_part(t.line, ':', 1) = CAST(h.id AS text)",
}

# Locked in the same order as in batches, to prevent deadlocks.
REMOVE_FROM_ASIDE = f"""
WITH going AS (SELECT array_agg(CAST(h.id AS text)) AS tenants FROM ({ROOTS}) h), locked AS (
  SELECT t.service, t.topic, t.partition FROM "Checkpoints" t, going
  WHERE t.service = :service AND t.aside ?| going.tenants
  ORDER BY t.topic, t.partition FOR NO KEY UPDATE OF t)
UPDATE "Checkpoints" t SET aside = t.aside - going.tenants FROM locked, going
WHERE t.service = locked.service AND t.topic = locked.topic AND t.partition = locked.partition
"""

CLOSE = f"""
UPDATE "Tickets" t SET status = 'closed', "closedAt" = clock_timestamp(), {{stamp}}
FROM (SELECT t.id FROM ({ROOTS}) h JOIN "Tickets" t ON t."companyId" = h.company AND t.id = h.id
      WHERE t.status <> 'closed' ORDER BY t.id LIMIT :most FOR NO KEY UPDATE OF t) AS live
WHERE t.id = live.id
""".replace("{stamp}", STAMP.replace(', "updatedAt"', ', t."updatedAt"'))


_Prepared = tuple[TextClause, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of a company that are deleted, by their ids."""

    company_id: int
    ids: Sequence[int]


async def run_step(
    conn: AsyncConnection, purge_id: int, root: str, step: PurgeStep, service: str, max_rows: int
) -> int:
    """Run a step on at most `max_rows` rows; return how many there were."""
    parameters: dict[str, Any] = {"purge": purge_id, "most": max_rows, "service": service}
    return await _execute(conn, _prepare(root, step.name, ROOTS), parameters)


async def run_listed_step(
    conn: AsyncConnection, purge_id: int, root: str, step: PurgeStep, listed: Listed, max_rows: int
) -> int:
    """Run a step on at most `max_rows` rows of listed parents; return how many there were."""
    parameters = {
        "purge": purge_id,
        "most": max_rows,
        "company": listed.company_id,
        "ids": listed.ids,
    }
    return await _execute(conn, _prepare(root, step.name, LISTED_ROOTS), parameters)


async def _execute(
    conn: AsyncConnection, prepared: _Prepared, parameters: Mapping[str, Any]
) -> int:
    sql, names = prepared
    result = await conn.execute(sql, {name: parameters[name] for name in names})
    if result.returns_rows:
        return int(result.scalar_one() or 0)
    return result.rowcount


@cache
def _prepare(root: str, name: str, roots: str) -> _Prepared:
    """Return a step's statement and the names of its parameters."""
    step = next(step for step in build_steps(root) if step.name == name)
    sql = statement(_build_sql(root, step, roots))
    return sql, tuple(sql.compile().params)


def _build_sql(root: str, step: PurgeStep, roots: str) -> str:
    if step.action == "close":
        return CLOSE
    if step.table == "Checkpoints":
        return REMOVE_FROM_ASIDE
    if step.is_by_function:
        return _build_function_call(root, step, roots)
    chosen, still = _build_choice_by_ctid(root, step, roots)
    if step.action == "delete":
        return f'{chosen} DELETE FROM "{step.table}" WHERE {still}'
    stamp = f", {STAMP}" if "updatedAt" in metadata.tables[step.table].columns else ""
    (branch,) = step.branches
    return f'{chosen} UPDATE "{step.table}" SET "{branch.column}" = NULL{stamp} WHERE {still}'


def _build_function_call(root: str, step: PurgeStep, roots: str) -> str:
    company = find_company_id_column(step.table)
    chosen = _build_choice(root, step, f't."{company}" AS company, t.id', roots)
    return f"""
SELECT purge_rows(:purge, '{step.table}', array_agg(chosen.company), array_agg(chosen.id))
FROM ({chosen}) AS chosen"""


def _build_choice_by_ctid(root: str, step: PurgeStep, roots: str) -> tuple[str, str]:
    """Return SQL that selects rows by ctid, and the condition that they still have their parent.

    A row may get another parent while this statement waits for its lock. Postgres before the minor
    releases of November 2025 then updates the new version without rechecking the ctid.
    """
    choice = _build_choice(root, step, "t.ctid AS at", roots)
    chosen = f"WITH chosen AS MATERIALIZED ({choice})"
    still = ["ctid = ANY(ARRAY(SELECT chosen.at FROM chosen))"]
    if step.branches:
        hanging = " OR ".join(
            f'"{branch.column}" = ANY('
            f"ARRAY(SELECT chosen.parent FROM chosen WHERE chosen.branch = {number}))"
            for number, branch in enumerate(step.branches)
        )
        still.append(f"({hanging})")
    return chosen, " AND ".join(still)


def _build_choice(root: str, step: PurgeStep, columns: str, roots: str) -> str:
    """Return SQL that chooses a step's rows, at most :most."""
    table, company = step.table, find_company_id_column(step.table)
    if table in OWN_ROWS:
        condition = OWN_ROWS[table]
    elif step.branches:
        found = " UNION ALL ".join(
            f"SELECT {columns}, h.id AS parent, {number} AS branch "
            f"FROM ({_build_dependents(root, branch.parent, roots)}) h {_build_join(table, branch)}"
            for number, branch in enumerate(step.branches)
        )
        return f"SELECT DISTINCT * FROM ({found} LIMIT :most) AS found"
    elif root == COMPANY:
        condition = f't."{company}" = h.id'
    else:
        condition = f't."{company}" = h.company AND t.id = h.id'
    # One company at a time, so that an index is used whatever the statistics are.
    return f"""
SELECT found.* FROM ({roots}) h
CROSS JOIN LATERAL (SELECT {columns} FROM "{table}" t WHERE {condition} LIMIT :most) AS found
LIMIT :most"""


def _build_dependents(root: str, table: str, roots: str) -> str:
    """Return SQL of the rows of a table that are deleted, as (company, id)."""
    if table == root:
        return roots
    step = next(step for step in build_steps(root) if step.name == table)
    return " UNION ALL ".join(
        f'SELECT t."{find_company_id_column(table)}" AS company, t.id '
        f"FROM ({_build_dependents(root, branch.parent, roots)}) h {_build_join(table, branch)}"
        for branch in step.branches
    )


def _build_join(table: str, branch: Branch) -> str:
    """Return the join of children to their parent's id, which is unique among all companies.

    The company is compared only if no index begins with the column, and as an expression, so
    that the planner cannot join by it alone: without statistics it expects few rows of a company.
    """
    condition = f't."{branch.column}" = h.id'
    if not _has_index(table, branch.column):
        condition += f' AND t."{find_company_id_column(table)}" = h.company + 0'
    return f'JOIN "{table}" t ON {condition}'


def _has_index(table: str, column: str) -> bool:
    firsts = (next(iter(index.columns), None) for index in metadata.tables[table].indexes)
    return any(first is not None and first.name == column for first in firsts)
