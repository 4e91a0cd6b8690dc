# ruff: noqa: S608 - only our own numbers are put into the SQL
"""Counts of what a retention purge would delete, in statements that are short on any database."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.retention import Cutoffs

TICKETS_AT_ONCE = 5_000

COMPANIES = statement("""
SELECT c.id, s."messageRetentionDays" AS message_days,
       s."closedTicketRetentionDays" AS closed_ticket_days
FROM "Companies" c LEFT JOIN "CompaniesSettings" s ON s."companyId" = c.id
WHERE CAST(:company AS int) IS NULL OR c.id = :company
ORDER BY c.id
""")

# The expression is that of an index, whose first entry this is.
OLDEST = statement("""
SELECT "createdAt" FROM "Messages" WHERE "companyId" = :company
ORDER BY timezone('UTC', "createdAt") LIMIT 1
""")

MESSAGES = statement("""
SELECT count(*) FROM "Messages"
WHERE "companyId" = :company
  AND timezone('UTC', "createdAt") >= timezone('UTC', CAST(:since AS timestamptz))
  AND timezone('UTC', "createdAt") < timezone('UTC', CAST(:until AS timestamptz))
""")

TICKETS = statement(f"""
SELECT count(*) FILTER (WHERE (t."closedAt" IS NULL OR t."closedAt" < :before)
         AND NOT EXISTS (
           SELECT FROM "Messages" m WHERE m."ticketId" = t.id
           AND m."createdAt" >= COALESCE(CAST(:messages_before AS timestamptz), '-infinity')))
         AS tickets,
       max(t."updatedAt") AS at, (array_agg(t.id ORDER BY t."updatedAt" DESC, t.id DESC))[1] AS id
FROM (SELECT id, "updatedAt", "closedAt" FROM "Tickets"
      WHERE "companyId" = :company AND status = 'closed'
        AND ("updatedAt", id) > (CAST(:at AS timestamptz), CAST(:id AS int))
        AND "updatedAt" < CAST(:before AS timestamptz)
      ORDER BY "updatedAt" ASC NULLS FIRST, id ASC NULLS FIRST LIMIT {TICKETS_AT_ONCE}) AS t
""")


@dataclass(frozen=True, slots=True)
class CompanyLimits:
    """A company and the days that its settings say; None for ever."""

    id: int
    message_days: int | None
    closed_ticket_days: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages and tickets of a company may go."""

    company_id: int
    messages: int
    tickets: int


async def load_companies(conn: AsyncConnection, company: int | None) -> list[CompanyLimits]:
    """Return one company or all, with the limits of their settings."""
    return [CompanyLimits(*row) for row in await conn.execute(COMPANIES, {"company": company})]


async def count_rows(conn: AsyncConnection, company: int, cutoffs: Cutoffs) -> Counted:
    """Count the messages and tickets of a company that are older than the cutoffs."""
    messages = 0
    if cutoffs.messages is not None:
        async for since, until in find_months(conn, company, cutoffs.messages):
            window = {"company": company, "since": since, "until": until}
            messages += (await conn.execute(MESSAGES, window)).scalar_one()
    return Counted(company, messages, await _count_tickets(conn, company, cutoffs))


async def find_months(
    conn: AsyncConnection, company: int, before: datetime
) -> AsyncIterator[tuple[datetime, datetime]]:
    """Yield the months (UTC) from the oldest message of a company on; the last one may be cut."""
    oldest = await conn.scalar(OLDEST, {"company": company})
    if oldest is not None:
        for window in list_months(oldest, before):
            yield window


def list_months(oldest: datetime, before: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the months (UTC) from one time to another as half-open ranges."""
    since = oldest.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while since < before:
        year, month = divmod(since.year * 12 + since.month, 12)
        following = since.replace(year=year, month=month + 1)
        yield since, min(following, before)
        since = following


async def _count_tickets(conn: AsyncConnection, company: int, cutoffs: Cutoffs) -> int:
    in_all = 0
    at, ticket_id = datetime.min.replace(tzinfo=UTC), 0
    while cutoffs.closed_tickets is not None:
        given = {
            "company": company,
            "at": at,
            "id": ticket_id,
            "before": cutoffs.closed_tickets,
            "messages_before": cutoffs.messages,
        }
        row = (await conn.execute(TICKETS, given)).one()
        if row.at is None:
            break
        in_all += row.tickets
        at, ticket_id = row.at, row.id
    return in_all
