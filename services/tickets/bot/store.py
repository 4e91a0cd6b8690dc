"""Statement that loads contacts' messages since they were asked."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.bot.rules import NewReplies, Reply, get_asked_at
from services.tickets.domain.keys import TicketKey
from services.tickets.domain.ticket import Ticket
from shared.db.bulk import match_company, rows_as_columns, source, statement

MAX_REPLIES = 50  # of one ticket

# Gateways' timestamps have whole seconds and another clock: a reply may seem a little older
# than its question. Not so for a placeholder's content: the placeholder may be why it was asked.
TOLERANCE = timedelta(seconds=2)


class Question(NamedTuple):
    """A ticket whose contact was asked, and when."""

    company_id: int
    ticket_id: int
    asked_at: datetime


REPLIES = statement(f"""
SELECT b.company_id, b.ticket_id, m.id, m.body,
       m.id = ANY(CAST(:message_id AS int[]))
         OR (m.id = ANY(CAST(:content_id AS int[])) AND m."createdAt" > b.asked_at) AS is_new,
       m."createdAt" > b.asked_at AS is_after
FROM {source(Question)}
CROSS JOIN LATERAL (
  SELECT id, body, "createdAt", wid FROM "Messages" m
  WHERE "ticketId" = b.ticket_id AND {match_company("m", "b.company_id")} AND NOT "fromMe"
    AND "isPrivate" IS NOT TRUE AND "createdAt" > b.asked_at - CAST(:tolerance AS interval)
  ORDER BY "createdAt" DESC, wid DESC LIMIT :most
) AS m
ORDER BY b.ticket_id, m."createdAt", m.wid
""")


async def load_replies(
    conn: AsyncConnection, tickets: Collection[Ticket], new: NewReplies
) -> Mapping[TicketKey, list[Reply]]:
    """Load contacts' messages since they were asked; `new` are this batch's."""
    questions = [Question(*t.key, asked_at) for t in tickets if (asked_at := get_asked_at(t))]
    replies: dict[TicketKey, list[Reply]] = defaultdict(list)
    if questions:
        more = {
            "message_id": list(new.messages),
            "content_id": list(new.contents),
            "tolerance": TOLERANCE,
            "most": MAX_REPLIES,
        }
        for row in await conn.execute(REPLIES, {**rows_as_columns(questions, Question), **more}):
            choice = new.choices.get(row.id, "")
            reply = Reply(row.body, row.is_new, row.is_after, choice)
            replies[TicketKey(row.company_id, row.ticket_id)].append(reply)
    return replies
