"""What the statements of the tickets service share: a ticket's state and its next version."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Row

from shared.contracts.ticket import TicketChanged

Change = TypeVar("Change", bound=TicketChanged)

STATE = """t.id, t."companyId", t.status, t."contactId", t."whatsappId", t."userId", t."queueId",
          COALESCE(t."unreadMessages", 0) AS "unreadMessages", t."isGroup",
          CAST(extract(epoch FROM t."updatedAt") * 1000000 AS bigint) AS version"""
NEXT_VERSION = """GREATEST(clock_timestamp(), t."updatedAt" + interval '1 microsecond')"""


def pairs(tickets: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    """Turn (company, ticket) into columns, in id order; nothing gives nothing."""
    ordered = sorted(tickets)
    if not ordered:
        return {}
    return {"company_id": [t[0] for t in ordered], "ticket_id": [t[1] for t in ordered]}


def state(row: Row[Any], change: type[Change]) -> Change:
    """Read a row of STATE as the fact that tells it."""
    return change(
        company_id=row.companyId,
        ticket_id=row.id,
        version=row.version,
        status=row.status,
        contact_id=row.contactId,
        whatsapp_id=row.whatsappId,
        user_id=row.userId,
        queue_id=row.queueId,
        unread_messages=row.unreadMessages,
        is_group=row.isGroup,
    )
