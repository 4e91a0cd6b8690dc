"""Statements that save tags ("TicketTags"), and delete a lane's timer when the ticket leaves it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import RowKey, TicketKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.ticket import Ticket
from shared.db.bulk import match_company, rows_as_columns, source, statement


class TagRow(NamedTuple):
    """A tag of a ticket."""

    company_id: int
    ticket_id: int
    tag_id: int


class KeptTag(NamedTuple):
    """A tag to keep or add; no field is named as in TagRow, because a statement has both."""

    kept_company_id: int
    kept_ticket_id: int
    kept_tag_id: int


# The CTEs of one statement do not see each other's changes; they change different rows.
SET_TAGS = statement(f"""
WITH kept AS (
  SELECT * FROM {source(KeptTag)}
), removed AS (
  DELETE FROM "TicketTags" w
  USING {source(TicketKey, "t")}
  WHERE w."ticketId" = t.ticket_id AND {match_company("w", "t.company_id")}
    AND NOT EXISTS (SELECT FROM kept
                    WHERE kept_ticket_id = w."ticketId" AND kept_tag_id = w."tagId")
), cancelled AS (
  DELETE FROM "LaneTimers" l
  USING {source(TicketKey, "t")}
  WHERE l."companyId" = t.company_id AND l."ticketId" = t.ticket_id
    AND NOT EXISTS (SELECT FROM kept
                    WHERE kept_ticket_id = l."ticketId" AND kept_tag_id = l."laneId")
)
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId")
SELECT * FROM kept ORDER BY kept_ticket_id, kept_tag_id
ON CONFLICT ("ticketId", "tagId") DO NOTHING
""")

RESTART_STAYS = statement(f"""
WITH b AS (
  SELECT * FROM {source(TagRow)}
), cancelled AS (
  DELETE FROM "LaneTimers" l USING b
  WHERE l."companyId" = b.company_id AND l."ticketId" = b.ticket_id AND l."laneId" = b.tag_id
)
UPDATE "TicketTags" w SET "createdAt" = now(), "updatedAt" = now() FROM b
WHERE w."ticketId" = b.ticket_id AND w."tagId" = b.tag_id AND {match_company("w", "b.company_id")}
""")


async def save_tags(conn: AsyncConnection, plan: Plan) -> None:
    """Save the tags of a plan's tickets; re-adding a lane starts its timer again."""
    await _restart_stays(conn, plan.readded_tags)
    await _set_tags(conn, plan.retagged)


async def _restart_stays(
    conn: AsyncConnection, readded: Sequence[tuple[TicketKey, RowKey]]
) -> None:
    if readded:
        rows = [TagRow(*key, tag.id) for key, tag in readded]
        await conn.execute(RESTART_STAYS, rows_as_columns(rows, TagRow))


async def _set_tags(conn: AsyncConnection, tickets: Sequence[Ticket]) -> None:
    if tickets:
        kept = [KeptTag(*ticket.key, tag.id) for ticket in tickets for tag in ticket.tags]
        keys = [ticket.key for ticket in tickets]
        parameters = rows_as_columns(kept, KeptTag) | rows_as_columns(keys, TicketKey)
        await conn.execute(SET_TAGS, parameters)
