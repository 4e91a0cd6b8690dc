"""The statement that finds the tickets of contacts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import ContactKey
from services.tickets.number_change.rules import LiveTicket
from services.tickets.persistence.tickets import CHAT
from shared.db.bulk import match_company, rows_as_columns, source, statement
from shared.db.purged import exclude_purged

# A merged contact is replaced by its canonical contact.
LIVE = statement(f"""
SELECT b.company_id, b.contact_id, t.id, t."whatsappId" AS whatsapp_id, {CHAT} AS chat
FROM {source(ContactKey)}
JOIN "Contacts" named ON named.id = b.contact_id AND {match_company("named", "b.company_id")}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {match_company("c", "b.company_id")}
JOIN "Tickets" t ON t."contactId" IN (named.id, c.id) AND {match_company("t", "b.company_id")}
WHERE t.status <> 'closed' AND {exclude_purged("Tickets", "t")} AND {CHAT} <> ''
ORDER BY t.id
""")


async def load_live(
    conn: AsyncConnection, contacts: Collection[ContactKey]
) -> Mapping[ContactKey, Sequence[LiveTicket]]:
    """Return the tickets of these contacts that are not closed, with the contacts' addresses."""
    tickets: dict[ContactKey, list[LiveTicket]] = defaultdict(list)
    for row in await conn.execute(LIVE, rows_as_columns(sorted(contacts), ContactKey)):
        ticket = LiveTicket(row.company_id, row.id, row.whatsapp_id, row.chat)
        tickets[ContactKey(row.company_id, row.contact_id)].append(ticket)
    return tickets
