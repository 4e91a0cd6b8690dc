"""What really stands in the database and on the topic of sends: read, never written."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.message import MessageSend
from shared.db.bulk import statement
from shared.demo.facts import (
    ContactFact,
    Facts,
    LetterFact,
    MessageFact,
    SendFact,
    ShippingFact,
    TicketFact,
)
from shared.demo.offsets import Ends, Offsets

Record = ConsumerRecord[bytes | None, bytes | None]
IDENTITY = "COALESCE({0}.number, replace({0}.lid, '@lid', ''))"

MESSAGES = statement(f"""
SELECT m."companyId", m."whatsappId", m.wid, {IDENTITY.format("c")}, {IDENTITY.format("s")},
       m."fromMe", m."mediaType", m.body, q.wid, m."createdAt"
FROM "Messages" m
LEFT JOIN "Tickets" t ON t.id = m."ticketId"
LEFT JOIN "Contacts" c ON c.id = t."contactId"
LEFT JOIN "Contacts" s ON s.id = m."contactId"
LEFT JOIN "Messages" q ON q.id = m."quotedMsgId"
WHERE m."companyId" = ANY (CAST(:company_ids AS int[]))
""")  # noqa: S608 - only constants are filled in

TICKETS = statement(f"""
SELECT t."companyId", t."whatsappId", {IDENTITY.format("c")}, t.status, t."isGroup",
       t."unreadMessages", t."lastMessage", t."fromMe"
FROM "Tickets" t LEFT JOIN "Contacts" c ON c.id = t."contactId"
WHERE t."companyId" = ANY (CAST(:company_ids AS int[])) AND t.status <> 'closed'
""")  # noqa: S608 - only constants are filled in

CONTACTS = statement(f"""
SELECT "companyId", {IDENTITY.format("c")}, number, replace(lid, '@lid', ''), "isGroup", name
FROM "Contacts" c WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")  # noqa: S608 - only constants are filled in

SHIPPINGS = statement("""
SELECT "companyId", "campaignId", number, message
FROM "CampaignShipping" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")

LETTERS = statement("""
SELECT topic, partition, "offset", reason, "companyId" FROM "DeadLetters" WHERE id > :after
""")

LAST_LETTER = statement('SELECT COALESCE(max(id), 0) FROM "DeadLetters"')


async def last_letter(conn: AsyncConnection) -> int:
    """Remember how many dead letters there were before this run."""
    return int((await conn.execute(LAST_LETTER)).scalar_one())


async def rows(conn: AsyncConnection, company_ids: Sequence[int]) -> Facts:
    """Read this run's rows."""
    of_run = {"company_ids": list(company_ids)}
    return Facts(
        messages=[MessageFact(*row) for row in await conn.execute(MESSAGES, of_run)],
        tickets=[TicketFact(*row) for row in await conn.execute(TICKETS, of_run)],
        contacts=[ContactFact(*row) for row in await conn.execute(CONTACTS, of_run)],
        shippings=[ShippingFact(*row) for row in await conn.execute(SHIPPINGS, of_run)],
    )


async def letters(
    conn: AsyncConnection,
    after: int,
    company_ids: Collection[int],
    published: Collection[tuple[str, int, int]],
) -> list[LetterFact]:
    """Read the dead letters of what this run published, and of its companies."""
    found = await conn.execute(LETTERS, {"after": after})
    return [
        LetterFact(*row[:4])
        for row in found
        if tuple(row[:3]) in published or row.companyId in company_ids
    ]


async def read_since(offsets: Offsets, topic: str, starts: Ends) -> list[Record]:
    """Read what has come onto a topic since it ended at `starts`."""
    ends = await offsets.ends([topic])
    wanted = {place: end for place, end in ends.items() if end > starts.get(place, 0)}
    consumer = offsets.consumer
    consumer.assign(list(wanted))
    for place in wanted:
        consumer.seek(place, starts.get(place, 0))
    records: list[Record] = []
    while [place for place, end in wanted.items() if await consumer.position(place) < end]:
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            records += batch
    return records


def sends(records: Sequence[Record], company_ids: Collection[int]) -> Facts:
    """Read this run's `message.send` facts, and when each line's were due and told.

    All expire equally long after they were due, so `expiresAt` gives the distances between them.
    """
    found = Facts()
    for record in records:
        send = MessageSend.model_validate_json(record.value or b"")
        if send.company_id in company_ids:
            line = send.whatsapp_id
            found.sends.append(
                SendFact(send.company_id, line, send.campaign_id, send.chat, send.body)
            )
            found.planned_at.setdefault(line, []).append(send.expires_at)
            found.told_at.setdefault(line, []).append(
                datetime.fromtimestamp(record.timestamp / 1000, UTC)
            )
    return found
