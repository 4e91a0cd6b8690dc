"""Statements that save the recipients of campaigns, and claim the texts that are due."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.campaigns.domain.keys import CampaignKey
from services.campaigns.shipping.rules import MOST_AT_ONCE, Due, Shipping
from shared.db.bulk import rows_as_columns, source, statement

CAMPAIGNS = statement(f"""
SELECT c."companyId", c.id
FROM {source(CampaignKey)}
JOIN "Campaigns" c ON c."companyId" = b.company_id AND c.id = b.campaign_id
""")

INSERT = statement(f"""
INSERT INTO "CampaignShipping" ("companyId", "campaignId", number, message, "contactId",
                                "contactListItemId")
SELECT b.* FROM {source(Shipping)}
ORDER BY b.company_id, b.campaign_id, b.number
ON CONFLICT ("companyId", "campaignId", number) DO NOTHING
""")

# A loose index scan: the partial index is read once per campaign, not once per text.
# A campaign without a line uses the company's default line, else its first.
_WAITING = """
RECURSIVE campaign AS (
  (SELECT "companyId", "campaignId" FROM "CampaignShipping"
   WHERE "jobId" IS NULL AND "deliveredAt" IS NULL
   ORDER BY "companyId", "campaignId" LIMIT 1)
  UNION ALL
  SELECT next.* FROM campaign CROSS JOIN LATERAL (
    SELECT s."companyId", s."campaignId" FROM "CampaignShipping" s
    WHERE s."jobId" IS NULL AND s."deliveredAt" IS NULL
      AND (s."companyId", s."campaignId") > (campaign."companyId", campaign."campaignId")
    ORDER BY s."companyId", s."campaignId" LIMIT 1) AS next
), waiting AS (
  SELECT c."companyId", c.id AS "campaignId", COALESCE(c."whatsappId", (
           SELECT w.id FROM "Whatsapps" w WHERE w."companyId" = c."companyId"
           ORDER BY w."isDefault" DESC, w.id LIMIT 1)) AS "whatsappId"
  FROM campaign JOIN "Campaigns" c
    ON c."companyId" = campaign."companyId" AND c.id = campaign."campaignId"
  WHERE c.status IS DISTINCT FROM 'CANCELADA'
)"""

DEFAULT_RATES = statement(f"""
WITH {_WAITING}
INSERT INTO "LineSendRates" ("companyId", "whatsappId", "intervalMs")
SELECT DISTINCT waiting."companyId", waiting."whatsappId", CAST(:interval_ms AS int)
FROM waiting
WHERE waiting."whatsappId" IS NOT NULL
  AND NOT EXISTS (SELECT FROM "LineSendRates" r WHERE r."companyId" = waiting."companyId"
                                                  AND r."whatsappId" = waiting."whatsappId")
ON CONFLICT ("companyId", "whatsappId") DO NOTHING
""")

# The slots of a line are one interval apart. Unused slots of the last second can still be used;
# older ones expire, so that no burst follows a pause.
CLAIM = statement(f"""
WITH {_WAITING}, line AS (
  SELECT r."companyId", r."whatsappId", r."intervalMs" * interval '1 millisecond' AS step,
         CASE WHEN r."nextSendAt" < now() - interval '1 second' THEN now()
              ELSE r."nextSendAt" END AS first_slot
  FROM "LineSendRates" r
  WHERE r."nextSendAt" <= now()
    AND (r."companyId", r."whatsappId") IN (SELECT "companyId", "whatsappId" FROM waiting)
  ORDER BY r."companyId", r."whatsappId"
  FOR NO KEY UPDATE
), budget AS (
  SELECT *, LEAST({MOST_AT_ONCE}, 1 + floor(extract(epoch FROM now() - first_slot)
                                            / extract(epoch FROM step)))::int AS slots
  FROM line
), candidate AS (
  SELECT budget.*, text.id, row_number() OVER (
           PARTITION BY budget."companyId", budget."whatsappId" ORDER BY text.id) AS position
  FROM budget JOIN waiting USING ("companyId", "whatsappId") CROSS JOIN LATERAL (
    SELECT s.id FROM "CampaignShipping" s
    WHERE s."companyId" = waiting."companyId" AND s."campaignId" = waiting."campaignId"
      AND s."jobId" IS NULL AND s."deliveredAt" IS NULL
    ORDER BY s.id LIMIT budget.slots) AS text
), picked AS (
  SELECT "companyId", "whatsappId", id, step, first_slot + step * (position - 1) AS slot
  FROM candidate WHERE position <= slots
), paced AS (
  UPDATE "LineSendRates" r SET "nextSendAt" = last.slot + last.step, "updatedAt" = now()
  FROM (SELECT "companyId", "whatsappId", max(slot) AS slot, max(step) AS step
        FROM picked GROUP BY "companyId", "whatsappId") AS last
  WHERE r."companyId" = last."companyId" AND r."whatsappId" = last."whatsappId"
)
UPDATE "CampaignShipping" s
SET "jobId" = 'campaign:' || s."campaignId" || ':' || s.number, "updatedAt" = now()
FROM picked WHERE s.id = picked.id
RETURNING s."companyId" AS company_id, picked."whatsappId" AS whatsapp_id,
          s."campaignId" AS campaign_id, s.number, s.message, s."jobId" AS send_id,
          picked.slot AS at
""")


async def find_campaigns(conn: AsyncConnection, keys: Collection[CampaignKey]) -> set[CampaignKey]:
    """Return which of these campaigns exist."""
    rows = await conn.execute(CAMPAIGNS, rows_as_columns(sorted(keys), CampaignKey))
    return {CampaignKey(row.companyId, row.id) for row in rows}


async def insert_shippings(conn: AsyncConnection, shippings: Sequence[Shipping]) -> None:
    """Insert the recipients that are not yet stored for their campaigns."""
    if shippings:
        await conn.execute(INSERT, rows_as_columns(shippings, Shipping))


async def claim_due(conn: AsyncConnection, default_interval_ms: int) -> list[Due]:
    """Claim the texts that are due, over all lines, each line at its own rate.

    `default_interval_ms` is for lines without a rate of their own.
    """
    await conn.execute(DEFAULT_RATES, {"interval_ms": default_interval_ms})
    return [Due(**row) for row in (await conn.execute(CLAIM)).mappings()]
