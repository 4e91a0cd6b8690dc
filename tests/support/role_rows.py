"""Rows of two companies in every table, and the roles that read them."""

import asyncpg

from shared.schema import metadata
from shared.schema.base import find_company_column
from tests.support.minimal import Rows

ROLE = """
SELECT role FROM (SELECT DISTINCT unnest(roles)::text AS role FROM pg_policies) AS named
WHERE role LIKE '%\\_' || $1::text
"""


async def login_of(conn: asyncpg.Connection, role: str) -> str:
    """Return the role of a service, or of readers, that this database's policies name."""
    found: str = await conn.fetchval(ROLE, role)
    return found


async def fill(conn: asyncpg.Connection, rows: Rows) -> tuple[int, int]:
    """Insert rows of two companies into every tenant table and one into every other table."""
    ours, theirs = await rows.company(), await rows.company()
    for table in metadata.sorted_tables:
        company = find_company_column(table)
        if company is not None:
            for each in (ours, theirs):
                await rows.insert(table.name, each, {company: each}, all_parents=True)
        elif not await conn.fetchval(f'SELECT count(*) FROM "{table.name}"'):  # noqa: S608 - our own tables
            await rows.insert(table.name, ours)
    return ours, theirs
