"""Claiming sends and noting what became of them; claims are told apart by their status alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.answers import Answer, LineKey
from services.messages.rules.sending import Claim, Connection, Step, Waiting
from shared.contracts.message import MessageSend
from shared.db.bulk import all_columns, statement
from shared.gateways.senders.outgoing import Quoted
from shared.gateways.senders.registry import SENDERS

MOST_AT_ONCE = 2_000
GATEWAYS = sorted(SENDERS)

LINES = statement("""
SELECT DISTINCT g."companyId", g."whatsappId"
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
JOIN "GatewayConnections" g
  ON g."companyId" = b.company_id AND g."whatsappId" = b.whatsapp_id
WHERE g.gateway = ANY(CAST(:gateways AS text[])) AND g.server <> ''
""")

# What was claimed, answered or given up before is not sent again, however often it is heard.
QUEUE = statement("""
INSERT INTO "Sends" AS s ("companyId", "sendId", "whatsappId", chat, wid, status, request,
                          "expiresAt")
SELECT b.company_id, b.send_id, b.whatsapp_id, b.chat, b.wid, 'waiting', b.request, b.expires_at
FROM unnest(CAST(:company_id AS int[]), CAST(:send_id AS text[]), CAST(:whatsapp_id AS int[]),
            CAST(:chat AS text[]), CAST(:wid AS text[]), CAST(:request AS jsonb[]),
            CAST(:expires_at AS timestamptz[])) WITH ORDINALITY
  AS b(company_id, send_id, whatsapp_id, chat, wid, request, expires_at, number)
ORDER BY b.number
ON CONFLICT ("companyId", "sendId") DO UPDATE
SET status = 'waiting', place = EXCLUDED.place, request = EXCLUDED.request,
    "expiresAt" = EXCLUDED."expiresAt"
WHERE s.status = 'queued' AND s."whatsappId" = EXCLUDED."whatsappId"
""")

# From line to line by the index; of each line the first of each chat, so that a chat's order is
# kept by whatever number of processes.
CLAIM = statement("""
WITH RECURSIVE line AS (
  (SELECT "companyId", "whatsappId" FROM "Sends" WHERE status IN ('waiting', 'claimed')
   ORDER BY "companyId", "whatsappId" LIMIT 1)
  UNION ALL
  SELECT next.* FROM line CROSS JOIN LATERAL (
    SELECT s."companyId", s."whatsappId" FROM "Sends" s
    WHERE s.status IN ('waiting', 'claimed')
      AND (s."companyId", s."whatsappId") > (line."companyId", line."whatsappId")
    ORDER BY s."companyId", s."whatsappId" LIMIT 1) AS next
), room AS (
  SELECT line.*, COALESCE(f.free, CAST(:most AS int)) AS free
  FROM line LEFT JOIN unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]),
                             CAST(:free AS int[])) AS f(company_id, whatsapp_id, free)
    ON f.company_id = line."companyId" AND f.whatsapp_id = line."whatsappId"
), due AS (
  SELECT first."companyId", first."sendId" FROM room CROSS JOIN LATERAL (
    SELECT s."companyId", s."sendId" FROM "Sends" s
    WHERE s."companyId" = room."companyId" AND s."whatsappId" = room."whatsappId"
      AND s.status = 'waiting' AND COALESCE(s."nextTryAt" <= now(), TRUE)
      AND s."expiresAt" > now()
      AND NOT EXISTS (
        SELECT FROM "Sends" e
        WHERE e."companyId" = s."companyId" AND e."whatsappId" = s."whatsappId"
          AND e.chat = s.chat AND e.place < s.place AND e.status IN ('waiting', 'claimed'))
    ORDER BY s.place LIMIT room.free) AS first
), picked AS (
  SELECT s."companyId", s."sendId", s."whatsappId" FROM "Sends" s JOIN due
    ON due."companyId" = s."companyId" AND due."sendId" = s."sendId"
  WHERE s.status = 'waiting'
  ORDER BY s.place LIMIT CAST(:room AS int)
  FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE "Sends" s
SET status = 'claimed', "claimedAt" = clock_timestamp(), attempts = s.attempts + 1
FROM picked LEFT JOIN LATERAL (
  SELECT g.gateway, rtrim(g.server, '/') AS server, g.instance
  FROM "GatewayConnections" g
  WHERE g."companyId" = picked."companyId" AND g."whatsappId" = picked."whatsappId"
    AND g.gateway = ANY(CAST(:gateways AS text[])) AND g.server <> ''
  ORDER BY g.id LIMIT 1) AS c ON TRUE
WHERE s."companyId" = picked."companyId" AND s."sendId" = picked."sendId"
RETURNING s."companyId", s."whatsappId", s.request, s.wid, s.attempts, c.gateway, c.server,
          c.instance
""")

# A message of ours may be quoted by the name that it had before its gateway gave it another.
QUOTED = statement("""
SELECT b.company_id, b.whatsapp_id, b.wid, m.wid AS named, m."fromMe", m.participant
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]))
  AS b(company_id, whatsapp_id, wid)
LEFT JOIN "Sends" s ON s."companyId" = b.company_id AND s."sendId" = b.wid
JOIN "Messages" m ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id
                 AND m.wid = COALESCE(s.wid, b.wid)
""")

FINISH = statement("""
UPDATE "Sends" s
SET status = CASE WHEN s.status IN ('claimed', 'unknown') THEN :status ELSE s.status END,
    wid = COALESCE(:wid, s.wid), request = NULL, "errorClass" = :error_class,
    "errorCode" = :error_code, error = :error, "answeredAt" = clock_timestamp(),
    "isUntold" = TRUE
WHERE s."companyId" = :company_id AND s."sendId" = :send_id
""")

PUT_BACK = statement("""
UPDATE "Sends"
SET status = 'waiting', "claimedAt" = NULL, "errorClass" = :error_class,
    "errorCode" = :error_code, error = :error,
    "nextTryAt" = clock_timestamp() + make_interval(secs => :again_s)
WHERE "companyId" = :company_id AND "sendId" = :send_id AND status = 'claimed'
""")

# A process that died may have sent what it had claimed: nobody knows, so nobody repeats it.
GIVE_UP = statement("""
UPDATE "Sends" s
SET status = CASE WHEN s.status = 'claimed' THEN 'unknown' ELSE 'failed' END,
    "errorClass" = CASE WHEN s.status = 'claimed' THEN 'unknown' ELSE 'expired' END,
    "errorCode" = CASE WHEN s.status = 'claimed' THEN 'no-answer'
                       ELSE COALESCE(s."errorCode", 'expired') END,
    error = COALESCE(s.error, CASE WHEN s.status = 'claimed' THEN 'the sender did not come back'
                                   ELSE 'it could not be sent before it expired' END),
    request = NULL, "answeredAt" = clock_timestamp(), "isUntold" = TRUE
FROM (
  SELECT "companyId", "sendId" FROM "Sends"
  WHERE (status = 'waiting' AND "expiresAt" <= now())
     OR (status = 'claimed' AND "claimedAt" < now() - make_interval(secs => :lost_s))
  ORDER BY place LIMIT :most FOR NO KEY UPDATE SKIP LOCKED) AS late
WHERE s."companyId" = late."companyId" AND s."sendId" = late."sendId"
""")

TELL = statement("""
UPDATE "Sends" s SET "isUntold" = FALSE
FROM (SELECT "companyId", "sendId" FROM "Sends" WHERE "isUntold"
      ORDER BY place LIMIT :most FOR NO KEY UPDATE SKIP LOCKED) AS untold
WHERE s."companyId" = untold."companyId" AND s."sendId" = untold."sendId"
RETURNING s."companyId", s."sendId", s."whatsappId", s.chat, s.wid, s.status, s."errorClass",
          s."errorCode", s.error, s."answeredAt", s.place
""")


async def lines(conn: AsyncConnection, keys: Collection[LineKey]) -> set[LineKey]:
    """Tell which of these lines have a gateway that is asked by us, at an address of its own."""
    ordered = sorted(keys)
    rows = await conn.execute(
        LINES,
        {
            "company_id": [key[0] for key in ordered],
            "whatsapp_id": [key[1] for key in ordered],
            "gateways": GATEWAYS,
        },
    )
    return {(row[0], row[1]) for row in rows}


async def queue(conn: AsyncConnection, rows: Sequence[Waiting]) -> None:
    """Let sends wait for our sender, unless they are known already."""
    await conn.execute(QUEUE, all_columns(rows, Waiting))


async def claim(
    conn: AsyncConnection, free: Mapping[LineKey, int], most: int, room: int
) -> list[Claim]:
    """Take the next sends, at most `most` of a line, or as many as it has `free`, `room` in all."""
    found = await conn.execute(
        CLAIM,
        {
            "company_id": [key[0] for key in free],
            "whatsapp_id": [key[1] for key in free],
            "free": list(free.values()),
            "most": most,
            "room": room,
            "gateways": GATEWAYS,
        },
    )
    rows = [(row, MessageSend.model_validate(row.request)) for row in found]
    quoted = await _quoted(conn, [send for _, send in rows if send.quoted_wid])
    return [_claim(row, send, quoted) for row, send in rows]


async def note(conn: AsyncConnection, send: MessageSend, step: Step) -> None:
    """Note what became of a claimed send."""
    values = {
        "company_id": send.company_id,
        "send_id": send.send_id,
        "error_class": step.result.error_class if step.result.code else None,
        "error_code": step.result.code,
        "error": step.result.error,
    }
    if step.status == "waiting":
        await conn.execute(PUT_BACK, {**values, "again_s": step.again_s})
    else:
        await conn.execute(FINISH, {**values, "status": step.status, "wid": step.result.wid})


async def give_up(conn: AsyncConnection, lost_s: float) -> None:
    """Fail what has expired; of claims that are older, nobody knows what became of them."""
    await conn.execute(GIVE_UP, {"lost_s": lost_s, "most": MOST_AT_ONCE})


async def untold(conn: AsyncConnection) -> list[tuple[Answer, datetime]]:
    """Take the answers that were not told yet, in the order of their sends."""
    rows = (await conn.execute(TELL, {"most": MOST_AT_ONCE})).all()
    return [_answered(row) for row in sorted(rows, key=lambda row: row.place)]


async def _quoted(
    conn: AsyncConnection, sends: Sequence[MessageSend]
) -> dict[tuple[int, int, str], Quoted]:
    if not sends:
        return {}
    rows = await conn.execute(
        QUOTED,
        {
            "company_id": [send.company_id for send in sends],
            "whatsapp_id": [send.whatsapp_id for send in sends],
            "wid": [send.quoted_wid for send in sends],
        },
    )
    return {
        (row[0], row[1], row[2]): Quoted(row.named, row.fromMe, row.participant) for row in rows
    }


def _claim(
    row: Row[Any], send: MessageSend, quoted: Mapping[tuple[int, int, str], Quoted]
) -> Claim:
    connection = Connection(row.gateway, row.server, row.instance) if row.gateway else None
    wid = send.quoted_wid
    known = quoted.get((row.companyId, row.whatsappId, wid), Quoted(wid)) if wid else None
    return Claim(send, row.wid, row.attempts, connection, known)


def _answered(row: Row[Any]) -> tuple[Answer, datetime]:
    wid = row.wid if row.status == "sent" else None
    answer = Answer(
        row.companyId, row.sendId, row.whatsappId, row.chat, wid, row.wid, row.status,
        row.errorClass, row.errorCode, row.error,
    )  # fmt: skip
    return answer, row.answeredAt
