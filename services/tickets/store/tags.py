"""Which tags tickets wear ("TicketTags")."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.tickets import Ticket
from services.tickets.store.state import pairs
from shared.db.bulk import statement

# Two parts of one statement do not see each other's rows, and here they touch different ones.
WEAR = statement("""
WITH worn AS (
  SELECT * FROM unnest(CAST(:worn_company_id AS int[]), CAST(:worn_ticket_id AS int[]),
                       CAST(:worn_tag_id AS int[])) AS worn(company_id, ticket_id, tag_id)
), gone AS (
  DELETE FROM "TicketTags" w
  USING unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
  WHERE w."companyId" = b.company_id AND w."ticketId" = b.ticket_id
    AND NOT EXISTS (SELECT FROM worn
                    WHERE worn.ticket_id = w."ticketId" AND worn.tag_id = w."tagId")
), forgotten AS (
  DELETE FROM "LaneTimers" l
  USING unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
  WHERE l."companyId" = b.company_id AND l."ticketId" = b.ticket_id
    AND NOT EXISTS (SELECT FROM worn
                    WHERE worn.ticket_id = l."ticketId" AND worn.tag_id = l."laneId")
)
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId")
SELECT * FROM worn ORDER BY ticket_id, tag_id
ON CONFLICT ("ticketId", "tagId") DO NOTHING
""")

RETURN = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:tag_id AS int[])) AS b(company_id, ticket_id, tag_id)
), forgotten AS (
  DELETE FROM "LaneTimers" l USING b
  WHERE l."companyId" = b.company_id AND l."ticketId" = b.ticket_id AND l."laneId" = b.tag_id
)
UPDATE "TicketTags" w SET "createdAt" = now(), "updatedAt" = now() FROM b
WHERE w."companyId" = b.company_id AND w."ticketId" = b.ticket_id AND w."tagId" = b.tag_id
""")


async def save(conn: AsyncConnection, plan: Plan) -> None:
    """Let tickets wear their tags, and no others; a lane's timer ends with the stay there."""
    await _return(conn, plan.returned)
    await _wear(conn, plan.retagged)


async def _return(conn: AsyncConnection, returned: Sequence[tuple[TicketKey, int]]) -> None:
    if returned:
        tag_ids = [tag_id for _, tag_id in returned]
        await conn.execute(RETURN, {**pairs(key for key, _ in returned), "tag_id": tag_ids})


async def _wear(conn: AsyncConnection, tickets: Sequence[Ticket]) -> None:
    if not tickets:
        return
    worn = [(t.company_id, t.id, tag.id) for t in tickets for tag in t.tags]
    names = ("worn_company_id", "worn_ticket_id", "worn_tag_id")
    given = {name: [row[n] for row in worn] for n, name in enumerate(names)}
    await conn.execute(WEAR, {**pairs((t.company_id, t.id) for t in tickets), **given})
