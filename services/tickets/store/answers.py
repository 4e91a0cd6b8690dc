"""What contacts wrote since they were asked."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.answers import Heard, asked_at
from services.tickets.rules.plan import TicketKey
from services.tickets.rules.tickets import Ticket
from shared.db.bulk import statement

MOST_ANSWERS = 50  # of one ticket

# Gateways tell times in whole seconds, by clocks of their own: an answer may seem a little older
# than its question.
EARLY = timedelta(seconds=2)

HEARD = statement("""
SELECT b.company_id, b.ticket_id, m.body, m.id = ANY(CAST(:message_id AS int[])) AS is_new,
       m."createdAt" > b.asked_at AS is_after
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
            CAST(:asked_at AS timestamptz[])) AS b(company_id, ticket_id, asked_at)
CROSS JOIN LATERAL (
  SELECT id, body, "createdAt", wid FROM "Messages"
  WHERE "companyId" = b.company_id AND "ticketId" = b.ticket_id AND NOT "fromMe"
    AND "isPrivate" IS NOT TRUE AND "createdAt" > b.asked_at - CAST(:early AS interval)
  ORDER BY "createdAt" DESC, wid DESC LIMIT :most
) AS m
ORDER BY b.ticket_id, m."createdAt", m.wid
""")


async def heard(
    conn: AsyncConnection, tickets: Collection[Ticket], new: Collection[int]
) -> Mapping[TicketKey, list[Heard]]:
    """Read what contacts wrote since they were asked; `new` are the messages heard just now."""
    asked = [(t.company_id, t.id, at) for t in tickets if (at := asked_at(t))]
    found: dict[TicketKey, list[Heard]] = defaultdict(list)
    if asked:
        names = ("company_id", "ticket_id", "asked_at")
        given = {name: [row[n] for row in asked] for n, name in enumerate(names)}
        more = {"message_id": list(new), "early": EARLY, "most": MOST_ANSWERS}
        for row in await conn.execute(HEARD, {**given, **more}):
            heard = Heard(row.body, row.is_new, row.is_after)
            found[row.company_id, row.ticket_id].append(heard)
    return found
