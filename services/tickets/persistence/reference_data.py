"""Statements that load the companies, users, queues and tags to which requests refer."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import RowKey
from services.tickets.domain.reference_data import (
    ReferenceData,
    list_queues,
    list_tags,
    list_users,
)
from services.tickets.domain.ticket import Tag
from shared.contracts.ticket_request import TicketRequest
from shared.db.bulk import rows_as_columns, source, statement
from shared.db.purged import exclude_purged

COMPANIES = statement("""
SELECT id FROM "Companies" WHERE id = ANY(CAST(:id AS int[]))
""")

USERS = statement(f"""
SELECT u."companyId" AS company_id, u.id, COALESCE(u."farewellMessage", '') AS farewell
FROM {source(RowKey)}
JOIN "Users" u ON u."companyId" = b.company_id AND u.id = b.id
WHERE {exclude_purged("Users", "u")}
""")

QUEUES = statement(f"""
SELECT q."companyId" AS company_id, q.id, q."closeTicket" AS closes
FROM {source(RowKey)}
JOIN "Queues" q ON q."companyId" = b.company_id AND q.id = b.id
WHERE {exclude_purged("Queues", "q")}
""")

TAGS = statement(f"""
SELECT t."companyId" AS company_id, t.id, t.kanban IS NOT DISTINCT FROM 1 AS is_lane
FROM {source(RowKey)}
JOIN "Tags" t ON t."companyId" = b.company_id AND t.id = b.id
""")


async def load_reference_data(
    conn: AsyncConnection, batch: Collection[TicketRequest]
) -> ReferenceData:
    """Load the rows to which requests refer, except rows that are being purged."""
    companies = sorted({request.company_id for request in batch})
    users = await _load(conn, USERS, list_users(batch))
    queues = await _load(conn, QUEUES, list_queues(batch))
    tags = await _load(conn, TAGS, list_tags(batch))
    return ReferenceData(
        companies={row.id for row in await conn.execute(COMPANIES, {"id": companies})},
        users={RowKey(row.company_id, row.id): row.farewell for row in users},
        queues={RowKey(row.company_id, row.id): row.closes for row in queues},
        tags={RowKey(row.company_id, row.id): Tag(row.id, row.is_lane) for row in tags},
    )


async def _load(
    conn: AsyncConnection, sql: TextClause, keys: Collection[RowKey]
) -> Iterable[Row[Any]]:
    if not keys:
        return []
    return (await conn.execute(sql, rows_as_columns(sorted(keys), RowKey))).all()
