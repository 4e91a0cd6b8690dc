"""Statements of requests that cause sends: the time that they are stored at, and their sends."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import SendKey
from services.messages.domain.new_send import NewSend
from shared.db.bulk import rows_as_columns, source, statement

NOW = statement("SELECT now()")

# A request whose send exists was applied before, even if the message's wid has changed since.
INSERT = statement(f"""
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, place, change)
SELECT b.company_id, b.send_id, b.whatsapp_id, b.chat, b.send_id, 0, CAST(b.change AS jsonb)
FROM {source(NewSend)}
ORDER BY b.company_id, b.send_id
ON CONFLICT ("companyId", "sendId") DO NOTHING
RETURNING "companyId", "sendId"
""")


async def read_now(conn: AsyncConnection) -> datetime:
    """Return the transaction's time."""
    now: datetime = (await conn.execute(NOW)).scalar_one()
    return now


async def insert_sends(conn: AsyncConnection, sends: Sequence[NewSend]) -> set[SendKey]:
    """Insert sends; return the keys of the new ones."""
    rows = await conn.execute(INSERT, rows_as_columns(sends, NewSend))
    return {SendKey(row.companyId, row.sendId) for row in rows}
