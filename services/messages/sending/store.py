"""Statements that claim sends and save their results; `claimed` is a status of the row."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import (
    LineKey,
    MessageKey,
    SendKey,
    get_chat_key,
    get_line_key,
)
from services.messages.persistence.routes import load_routes
from services.messages.send_results.rules import SENT, SendOutcome
from services.messages.sending.rules import (
    WAITING,
    Claim,
    Connection,
    SendUpdate,
    WaitingSend,
    find_refusal,
)
from shared.contracts.message import MessageSend
from shared.db.bulk import match, match_company, rows_as_columns, source, statement
from shared.gateways.senders.outgoing import Quoted
from shared.gateways.senders.registry import SENDERS

MOST_AT_ONCE = 2_000  # rows per statement that expires sends or publishes results
GATEWAYS = sorted(SENDERS)
RESTORED = "'it may have been sent before the database was restored'"


class FreeSlots(NamedTuple):
    """How many more concurrent sends a line may have."""

    company_id: int
    whatsapp_id: int
    free: int


FIND_LINES = statement(f"""
SELECT DISTINCT g."companyId", g."whatsappId"
FROM {source(LineKey)}
JOIN "GatewayConnections" g
  ON g."companyId" = b.company_id AND g."whatsappId" = b.whatsapp_id
WHERE g.gateway = ANY(CAST(:gateways AS text[])) AND g.server <> ''
""")

# A send that was claimed or has a result is not queued again when its record is read again. One
# that may have been sent before the database was restored is not sent again.
QUEUE = statement(f"""
INSERT INTO "Sends" AS s ("companyId", "sendId", "whatsappId", chat, wid, status, request,
                          "expiresAt", "errorClass", "errorCode", error, "answeredAt", "isUntold")
SELECT b.company_id, b.send_id, b.whatsapp_id, b.chat, b.wid,
       CASE WHEN l."sendId" IS NULL THEN 'waiting' ELSE 'unknown' END,
       CASE WHEN l."sendId" IS NULL THEN CAST(b.request AS jsonb) END, b.expires_at,
       CASE WHEN l."sendId" IS NOT NULL THEN 'unknown' END,
       CASE WHEN l."sendId" IS NOT NULL THEN 'restored' END,
       CASE WHEN l."sendId" IS NOT NULL THEN {RESTORED} END,
       CASE WHEN l."sendId" IS NOT NULL THEN clock_timestamp() END, l."sendId" IS NOT NULL
FROM {source(WaitingSend, position="int")}
LEFT JOIN "LostSends" l ON l."companyId" = b.company_id AND l."sendId" = b.send_id
ORDER BY b.position
ON CONFLICT ("companyId", "sendId") DO UPDATE
SET status = EXCLUDED.status, place = EXCLUDED.place, request = EXCLUDED.request,
    "expiresAt" = EXCLUDED."expiresAt", "errorClass" = EXCLUDED."errorClass",
    "errorCode" = EXCLUDED."errorCode", error = EXCLUDED.error,
    "answeredAt" = EXCLUDED."answeredAt", "isUntold" = EXCLUDED."isUntold"
WHERE s.status = 'queued' AND s."whatsappId" = EXCLUDED."whatsappId"
""")

# A loose index scan by line; no line while sends are held. Only the first send of each chat is
# claimed, so that several processes keep a chat's order.
CLAIM = statement(f"""
WITH RECURSIVE line AS (
  (SELECT "companyId", "whatsappId" FROM "Sends" WHERE status IN ('waiting', 'claimed')
     AND NOT EXISTS (SELECT FROM "Deployment" WHERE "sendsHeldSince" IS NOT NULL)
   ORDER BY "companyId", "whatsappId" LIMIT 1)
  UNION ALL
  SELECT next.* FROM line CROSS JOIN LATERAL (
    SELECT s."companyId", s."whatsappId" FROM "Sends" s
    WHERE s.status IN ('waiting', 'claimed')
      AND (s."companyId", s."whatsappId") > (line."companyId", line."whatsappId")
    ORDER BY s."companyId", s."whatsappId" LIMIT 1) AS next
), slot AS (
  SELECT line.*, COALESCE(f.free, CAST(:per_line AS int)) AS free
  FROM line LEFT JOIN {source(FreeSlots, "f")}
    ON f.company_id = line."companyId" AND f.whatsapp_id = line."whatsappId"
), due AS (
  SELECT first."companyId", first."sendId" FROM slot CROSS JOIN LATERAL (
    SELECT s."companyId", s."sendId" FROM "Sends" s
    WHERE s."companyId" = slot."companyId" AND s."whatsappId" = slot."whatsappId"
      AND s.status = 'waiting' AND COALESCE(s."nextTryAt" <= now(), TRUE)
      AND s."expiresAt" > now()
      AND NOT EXISTS (
        SELECT FROM "Sends" e
        WHERE e."companyId" = s."companyId" AND e."whatsappId" = s."whatsappId"
          AND e.chat = s.chat AND e.place < s.place AND e.status IN ('waiting', 'claimed'))
    ORDER BY s.place LIMIT slot.free) AS first
), picked AS (
  SELECT s."companyId", s."sendId", s."whatsappId" FROM "Sends" s JOIN due
    ON due."companyId" = s."companyId" AND due."sendId" = s."sendId"
  WHERE s.status = 'waiting'
  ORDER BY s.place LIMIT CAST(:total AS int)
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

# Our message may be named by the wid that it had before the gateway chose another one, which its
# send has before its row.
QUOTED = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.wid, COALESCE(m.sent_wid, m.wid) AS current_wid, m."fromMe",
       m.participant
FROM {source(MessageKey)}
JOIN LATERAL (
  SELECT 1 AS rank, s.wid AS sent_wid, n.wid, n."fromMe", n.participant
  FROM "Sends" s JOIN "Messages" n ON n.id = s."messageId" AND {match_company("n", 's."companyId"')}
  WHERE s."companyId" = b.company_id AND s."sendId" = b.wid
    AND {match('s."whatsappId"', "b.whatsapp_id")}
  UNION ALL SELECT 2, NULL, n.wid, n."fromMe", n.participant
  FROM "Messages" n
  WHERE n."companyId" = b.company_id AND n."whatsappId" = b.whatsapp_id AND n.wid = b.wid
  ORDER BY rank LIMIT 1) AS m ON TRUE
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
    "nextTryAt" = clock_timestamp() + make_interval(secs => :retry_after_s)
WHERE "companyId" = :company_id AND "sendId" = :send_id AND status = 'claimed'
""")

# A process that died may have sent what it had claimed, so it is not sent again.
EXPIRE = statement("""
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

TAKE_RESULTS = statement("""
UPDATE "Sends" s SET "isUntold" = FALSE
FROM (SELECT "companyId", "sendId" FROM "Sends" WHERE "isUntold"
      ORDER BY place LIMIT :most FOR NO KEY UPDATE SKIP LOCKED) AS unpublished
WHERE s."companyId" = unpublished."companyId" AND s."sendId" = unpublished."sendId"
  AND s."isUntold"
RETURNING s."companyId", s."sendId", s."whatsappId", s.chat, s.wid, s.status, s."errorClass",
          s."errorCode", s.error, s."answeredAt", s.place
""")


async def find_lines(conn: AsyncConnection, keys: Collection[LineKey]) -> set[LineKey]:
    """Return which of these lines our sender sends for, because their connection has a server."""
    parameters = {**rows_as_columns(sorted(keys), LineKey), "gateways": GATEWAYS}
    rows = await conn.execute(FIND_LINES, parameters)
    return {LineKey(row.companyId, row.whatsappId) for row in rows}


async def queue_sends(conn: AsyncConnection, sends: Sequence[WaitingSend]) -> None:
    """Save sends with status `waiting`, in this order; sends that are claimed or done stay."""
    parameters = {**rows_as_columns(sends, WaitingSend), "position": list(range(len(sends)))}
    await conn.execute(QUEUE, parameters)


async def claim_sends(
    conn: AsyncConnection, free: Mapping[LineKey, int], per_line: int, total: int
) -> list[Claim]:
    """Claim the next sends: at most `total`, and per line those in `free`, else `per_line`."""
    slots = [FreeSlots(*line, number) for line, number in free.items()]
    parameters = {
        **rows_as_columns(slots, FreeSlots),
        "per_line": per_line,
        "total": total,
        "gateways": GATEWAYS,
    }
    claimed = await conn.execute(CLAIM, parameters)
    rows = [(row, MessageSend.model_validate(row.request)) for row in claimed]
    quoted = await _load_quoted(conn, [send for _, send in rows])
    refusals = await _find_refusals(conn, rows)
    return [_build_claim(row, send, quoted, refusals) for row, send in rows]


async def save_update(conn: AsyncConnection, send: MessageSend, update: SendUpdate) -> None:
    """Save the result, or the next attempt, of a claimed send."""
    parameters = {
        "company_id": send.company_id,
        "send_id": send.send_id,
        "error_class": update.result.error_class if update.result.code else None,
        "error_code": update.result.code,
        "error": update.result.error,
    }
    if update.status == WAITING:
        await conn.execute(PUT_BACK, {**parameters, "retry_after_s": update.retry_after_s})
    else:
        finished = {"status": update.status, "wid": update.result.wid}
        await conn.execute(FINISH, {**parameters, **finished})


async def expire_sends(conn: AsyncConnection, lost_s: float) -> None:
    """Fail waiting sends that have expired; claims older than `lost_s` become unknown."""
    await conn.execute(EXPIRE, {"lost_s": lost_s, "most": MOST_AT_ONCE})


async def take_results(conn: AsyncConnection) -> list[tuple[SendOutcome, datetime]]:
    """Return the results that were not published, in the order of their sends, and mark them."""
    rows = (await conn.execute(TAKE_RESULTS, {"most": MOST_AT_ONCE})).all()
    return [_read_result(row) for row in sorted(rows, key=lambda row: row.place)]


async def _load_quoted(
    conn: AsyncConnection, sends: Sequence[MessageSend]
) -> dict[MessageKey, Quoted]:
    """Return the messages that the sends quote or change."""
    keys = {MessageKey(*get_line_key(send), wid) for send in sends if (wid := _find_wid(send))}
    if not keys:
        return {}
    rows = await conn.execute(QUOTED, rows_as_columns(sorted(keys), MessageKey))
    return {
        MessageKey(row.company_id, row.whatsapp_id, row.wid): Quoted(
            row.current_wid, row.fromMe, row.participant
        )
        for row in rows
    }


async def _find_refusals(
    conn: AsyncConnection, rows: Sequence[tuple[Row[Any], MessageSend]]
) -> dict[SendKey, str]:
    """Return why some of these sends may not be made now; only Meta's gateway limits them."""
    limited = [send for row, send in rows if row.gateway and SENDERS[row.gateway].is_official]
    if not limited:
        return {}
    routes = await load_routes(conn, {get_chat_key(send) for send in limited})
    return {
        SendKey(send.company_id, send.send_id): reason
        for send in limited
        if (reason := find_refusal(send, routes[get_chat_key(send)]))
    }


def _find_wid(send: MessageSend) -> str | None:
    return send.change.wid if send.change else send.quoted_wid


def _build_claim(
    row: Row[Any],
    send: MessageSend,
    quoted: Mapping[MessageKey, Quoted],
    refusals: Mapping[SendKey, str],
) -> Claim:
    connection = Connection(row.gateway, row.server, row.instance) if row.gateway else None
    wid = _find_wid(send)
    quote = quoted.get(MessageKey(row.companyId, row.whatsappId, wid)) if wid else None
    if quote is None and send.quoted_wid:
        quote = Quoted(send.quoted_wid)
    refusal = refusals.get(SendKey(send.company_id, send.send_id), "")
    return Claim(send, row.wid, row.attempts, connection, quote, refusal)


def _read_result(row: Row[Any]) -> tuple[SendOutcome, datetime]:
    result = SendOutcome(
        company_id=row.companyId,
        send_id=row.sendId,
        whatsapp_id=row.whatsappId,
        chat=row.chat,
        wid=row.wid if row.status == SENT else None,
        wid_in_advance=row.wid,
        status=row.status,
        error_class=row.errorClass,
        error_code=row.errorCode,
        error=row.error,
    )
    return result, row.answeredAt
