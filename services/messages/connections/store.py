"""Statements that check which lines exist, and save their status."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.connections.rules import LineState
from services.messages.domain.keys import LineKey
from shared.db.bulk import rows_as_columns, source, statement

FIND = statement(f"""
SELECT w."companyId", w.id
FROM {source(LineKey)}
JOIN "Whatsapps" w ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
""")

# "LineStates" has the time of the state, so that a late, older state does not replace a newer one.
SAVE_STATES = statement(f"""
WITH b AS (
  SELECT * FROM {source(LineState)}
), newer AS (
  INSERT INTO "LineStates" AS l ("companyId", "whatsappId", "changedAt", reason)
  SELECT company_id, whatsapp_id, changed_at, reason FROM b ORDER BY company_id, whatsapp_id
  ON CONFLICT ("companyId", "whatsappId") DO UPDATE
  SET "changedAt" = EXCLUDED."changedAt", reason = EXCLUDED.reason
  WHERE EXCLUDED."changedAt" > l."changedAt"
  RETURNING l."companyId", l."whatsappId"
)
UPDATE "Whatsapps" w
SET status = b.status, number = COALESCE(b.number, w.number),
    qrcode = CASE WHEN b.status = 'qrcode' THEN w.qrcode ELSE '' END,
    "updatedAt" = GREATEST(clock_timestamp(), w."updatedAt" + interval '1 microsecond')
FROM b JOIN newer ON newer."companyId" = b.company_id AND newer."whatsappId" = b.whatsapp_id
WHERE w."companyId" = b.company_id AND w.id = b.whatsapp_id
""")


async def find_lines(conn: AsyncConnection, keys: Collection[LineKey]) -> set[LineKey]:
    """Return which of these lines exist."""
    rows = await conn.execute(FIND, rows_as_columns(sorted(keys), LineKey))
    return {LineKey(row.companyId, row.id) for row in rows}


async def save_states(conn: AsyncConnection, states: Sequence[LineState]) -> None:
    """Save the states that are newer than what is stored of their lines."""
    if states:
        await conn.execute(SAVE_STATES, rows_as_columns(states, LineState))
