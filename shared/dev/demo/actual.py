"""Reads what a run left in the database and on the topic of sends."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.message import MessageSend
from shared.db.bulk import statement
from shared.dev.demo.comparison import (
    ComparedContact,
    ComparedDeadLetter,
    ComparedMessage,
    ComparedSend,
    ComparedShipping,
    ComparedTicket,
    Snapshot,
)
from shared.dev.demo.offsets import OffsetReader, PartitionOffsets

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

DEAD_LETTERS = statement("""
SELECT topic, partition, "offset", reason, "companyId" FROM "DeadLetters" WHERE id > :after
""")

LAST_DEAD_LETTER = statement('SELECT COALESCE(max(id), 0) FROM "DeadLetters"')


async def load_last_dead_letter_id(conn: AsyncConnection) -> int:
    """Return the highest id of dead letters, 0 if there is none."""
    return int((await conn.execute(LAST_DEAD_LETTER)).scalar_one())


async def load_snapshot(conn: AsyncConnection, company_ids: Sequence[int]) -> Snapshot:
    """Load the messages, tickets, contacts and shippings of companies."""
    parameters = {"company_ids": list(company_ids)}
    return Snapshot(
        messages=[ComparedMessage(*row) for row in await conn.execute(MESSAGES, parameters)],
        tickets=[ComparedTicket(*row) for row in await conn.execute(TICKETS, parameters)],
        contacts=[ComparedContact(*row) for row in await conn.execute(CONTACTS, parameters)],
        shippings=[ComparedShipping(*row) for row in await conn.execute(SHIPPINGS, parameters)],
    )


async def load_dead_letters(
    conn: AsyncConnection,
    after: int,
    company_ids: Collection[int],
    published: Collection[tuple[str, int, int]],
) -> list[ComparedDeadLetter]:
    """Load dead letters after an id whose record or company belongs to the run.

    `published` holds (topic, partition, offset).
    """
    rows = await conn.execute(DEAD_LETTERS, {"after": after})
    return [
        ComparedDeadLetter(*row[:4])
        for row in rows
        if tuple(row[:3]) in published or row.companyId in company_ids
    ]


async def read_records_since(
    offsets: OffsetReader, topic: str, starts: PartitionOffsets
) -> list[Record]:
    """Read the records of a topic from the offsets `starts` to its present end."""
    ends = await offsets.load_end_offsets([topic])
    end_offsets = {
        partition: end for partition, end in ends.items() if end > starts.get(partition, 0)
    }
    consumer = offsets.consumer
    consumer.assign(list(end_offsets))
    for partition in end_offsets:
        consumer.seek(partition, starts.get(partition, 0))
    records: list[Record] = []
    while [
        partition
        for partition, end in end_offsets.items()
        if await consumer.position(partition) < end
    ]:
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            records += batch
    return records


def parse_sends(records: Sequence[Record], company_ids: Collection[int]) -> Snapshot:
    """Parse the `message.send` facts of companies, with each line's times.

    Every send expires the same time after it is due, so `expiresAt` replaces the due time.
    """
    snapshot = Snapshot()
    for record in records:
        send = MessageSend.model_validate_json(record.value or b"")
        if send.company_id in company_ids:
            line = send.whatsapp_id
            snapshot.sends.append(
                ComparedSend(send.company_id, line, send.campaign_id, send.chat, send.body)
            )
            snapshot.due_at.setdefault(line, []).append(send.expires_at)
            snapshot.published_at.setdefault(line, []).append(
                datetime.fromtimestamp(record.timestamp / 1000, UTC)
            )
    return snapshot
