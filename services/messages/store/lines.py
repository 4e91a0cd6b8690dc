"""Finding the lines that gateways speak of: each statement serves a whole batch."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.connections import LineState
from services.messages.rules.raw_events import ConnectedLine, Connection, Line
from shared.db.bulk import all_columns, statement

# A connection registered without a server stands for that instance on any server without its own.
LINES = statement("""
SELECT b.server, b.instance, c."companyId", c."whatsappId", c.server = '' AS anywhere
FROM unnest(CAST(:server AS text[]), CAST(:instance AS text[])) AS b(server, instance)
JOIN "GatewayConnections" c
  ON c.gateway = :gateway AND c.instance = b.instance AND rtrim(c.server, '/') IN (b.server, '')
ORDER BY anywhere
""")

INSTANCES = statement("""
SELECT b.gateway, b.company_id, b.whatsapp_id, array_agg(c.instance)
FROM unnest(CAST(:gateway AS text[]), CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]))
  AS b(gateway, company_id, whatsapp_id)
JOIN "GatewayConnections" c
  ON c."whatsappId" = b.whatsapp_id AND c."companyId" = b.company_id AND c.gateway = b.gateway
GROUP BY b.gateway, b.company_id, b.whatsapp_id
""")

EXISTING = statement("""
SELECT w."companyId", w.id
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
JOIN "Whatsapps" w ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
""")

# "LineStates" remembers the time, so that what comes late does not undo what is newer.
STATES = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]),
                       CAST(:status AS text[]), CAST(:changed_at AS timestamptz[]),
                       CAST(:reason AS text[]), CAST(:number AS text[]))
    AS b(company_id, whatsapp_id, status, changed_at, reason, number)
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


async def lines(
    conn: AsyncConnection, gateway: str, connections: Collection[Connection]
) -> dict[Connection, Sequence[Line]]:
    """Read the line of each (server, instance) of a gateway; none where it is not registered."""
    ordered = sorted(connections)
    rows = await conn.execute(
        LINES,
        {
            "gateway": gateway,
            "server": [server for server, _ in ordered],
            "instance": [instance for _, instance in ordered],
        },
    )
    found: defaultdict[Connection, list[Line]] = defaultdict(list)
    for server, instance, company_id, whatsapp_id, anywhere in rows:
        if not (anywhere and found[server, instance]):
            found[server, instance].append(Line(company_id, whatsapp_id))
    return {**found}


async def instances(
    conn: AsyncConnection, posting: Collection[ConnectedLine]
) -> dict[ConnectedLine, frozenset[str]]:
    """Read the names by which gateways call these lines, as far as they are registered."""
    ordered = sorted(posting, key=lambda one: (one[0], one[1].company_id, one[1].whatsapp_id))
    rows = await conn.execute(
        INSTANCES,
        {
            "gateway": [gateway for gateway, _ in ordered],
            "company_id": [line.company_id for _, line in ordered],
            "whatsapp_id": [line.whatsapp_id for _, line in ordered],
        },
    )
    return {(row[0], Line(row[1], row[2])): frozenset(row[3]) for row in rows}


async def existing(
    conn: AsyncConnection, keys: Collection[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Tell which of these (company, line) there are."""
    ordered = sorted(keys)
    names = {"company_id": [k[0] for k in ordered], "whatsapp_id": [k[1] for k in ordered]}
    return {(row[0], row[1]) for row in await conn.execute(EXISTING, names)}


async def update_states(conn: AsyncConnection, states: Sequence[LineState]) -> None:
    """Save the states that are newer than what is known of their lines."""
    if states:
        await conn.execute(STATES, all_columns(states, LineState))
