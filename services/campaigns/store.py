"""The campaigns service's statements: each one serves a whole batch, or all lines at once."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.campaigns.rules import MOST_AT_ONCE, Due, Shipping
from shared.db.bulk import all_columns, statement

CAMPAIGNS = statement("""
SELECT c."companyId", c.id
FROM unnest(CAST(:company_id AS int[]), CAST(:campaign_id AS int[])) AS b(company_id, campaign_id)
JOIN "Campaigns" c ON c."companyId" = b.company_id AND c.id = b.campaign_id
""")

INSERT = statement("""
INSERT INTO "CampaignShipping" ("companyId", "campaignId", number, message, "contactId",
                                "contactListItemId")
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:campaign_id AS int[]),
                       CAST(:number AS text[]), CAST(:message AS text[]),
                       CAST(:contact_id AS int[]), CAST(:contact_list_item_id AS int[]))
  AS b(company_id, campaign_id, number, message, contact_id, contact_list_item_id)
ORDER BY b.company_id, b.campaign_id, b.number
ON CONFLICT ("companyId", "campaignId", number) DO NOTHING
""")

# The partial index is hopped through from campaign to campaign, however many texts each has.
# Campaigns without a line of their own send through the company's default one, else its first.
WAITING = """
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
WITH {WAITING}
INSERT INTO "LineSendRates" ("companyId", "whatsappId", "intervalMs")
SELECT DISTINCT waiting."companyId", waiting."whatsappId", CAST(:interval_ms AS int)
FROM waiting
WHERE waiting."whatsappId" IS NOT NULL
  AND NOT EXISTS (SELECT FROM "LineSendRates" r WHERE r."companyId" = waiting."companyId"
                                                  AND r."whatsappId" = waiting."whatsappId")
ON CONFLICT ("companyId", "whatsappId") DO NOTHING
""")

# A line's slots stand one interval apart. Those of the last second that nobody used may still be
# used; older ones are lost, so that a pause is never followed by a burst.
CLAIM = statement(f"""
WITH {WAITING}, line AS (
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
           PARTITION BY budget."companyId", budget."whatsappId" ORDER BY text.id) AS place
  FROM budget JOIN waiting USING ("companyId", "whatsappId") CROSS JOIN LATERAL (
    SELECT s.id FROM "CampaignShipping" s
    WHERE s."companyId" = waiting."companyId" AND s."campaignId" = waiting."campaignId"
      AND s."jobId" IS NULL AND s."deliveredAt" IS NULL
    ORDER BY s.id LIMIT budget.slots) AS text
), picked AS (
  SELECT "companyId", "whatsappId", id, step, first_slot + step * (place - 1) AS slot
  FROM candidate WHERE place <= slots
), paced AS (
  UPDATE "LineSendRates" r SET "nextSendAt" = last.slot + last.step, "updatedAt" = now()
  FROM (SELECT "companyId", "whatsappId", max(slot) AS slot, max(step) AS step
        FROM picked GROUP BY "companyId", "whatsappId") AS last
  WHERE r."companyId" = last."companyId" AND r."whatsappId" = last."whatsappId"
)
UPDATE "CampaignShipping" s
SET "jobId" = 'campaign:' || s."campaignId" || ':' || s.number, "updatedAt" = now()
FROM picked WHERE s.id = picked.id
RETURNING s."companyId", picked."whatsappId", s."campaignId", s.number, s.message, s."jobId",
          picked.slot
""")


async def campaigns(
    conn: AsyncConnection, keys: Collection[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Tell which of these (company, campaign) exist."""
    ordered = sorted(keys)
    rows = await conn.execute(
        CAMPAIGNS,
        {"company_id": [key[0] for key in ordered], "campaign_id": [key[1] for key in ordered]},
    )
    return {(row[0], row[1]) for row in rows}


async def insert(conn: AsyncConnection, shippings: Sequence[Shipping]) -> None:
    """Add the recipients that their campaigns do not have yet."""
    if shippings:
        await conn.execute(INSERT, all_columns(shippings, Shipping))


async def claim_due(conn: AsyncConnection, default_interval_ms: int) -> list[Due]:
    """Take the texts whose slot has come, over all lines, each line at its own rate.

    `default_interval_ms` is for lines that no rate was set for.
    """
    await conn.execute(DEFAULT_RATES, {"interval_ms": default_interval_ms})
    return [Due(*row) for row in await conn.execute(CLAIM)]
