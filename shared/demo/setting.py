"""The setting: this run's own companies, lines, gateway connections and campaigns as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.demo.cast import Campaign, Company, Place, Stage
from shared.demo.records import EVOLUTION_SERVER

SEND_INTERVAL_MS = 20  # fast, so that a few hundred sends end in seconds
PLAN = "Demonstração"

INSERT_PLAN = statement("""
INSERT INTO "Plans" (name, users, connections, queues, amount, "isPublic", "createdAt", "updatedAt")
VALUES (:name, 10, 10, 10, '0', false, :now, :now)
ON CONFLICT (name) DO UPDATE SET "updatedAt" = excluded."updatedAt"
RETURNING id
""")

INSERT_COMPANIES = statement("""
INSERT INTO "Companies" (name, status, "planId", "createdAt", "updatedAt")
SELECT b.name, true, :plan_id, :now, :now FROM unnest(CAST(:name AS text[])) AS b(name)
RETURNING name, id
""")

INSERT_LINES = statement("""
INSERT INTO "Whatsapps" ("companyId", name, number, status, channel, "isDefault", "allowGroup",
                         "groupAsTicket", "createdAt", "updatedAt")
SELECT b.company_id, b.name, b.number, 'CONNECTED', 'whatsapp', b.is_default, b.allow_group,
       b.group_as_ticket, :now, :now
FROM unnest(CAST(:company_id AS int[]), CAST(:name AS text[]), CAST(:number AS text[]),
            CAST(:is_default AS bool[]), CAST(:allow_group AS bool[]),
            CAST(:group_as_ticket AS text[]))
  AS b(company_id, name, number, is_default, allow_group, group_as_ticket)
RETURNING number, "companyId", id
""")

INSERT_CONNECTIONS = statement("""
INSERT INTO "GatewayConnections" (gateway, server, instance, "companyId", "whatsappId")
SELECT 'evolution', :server, b.instance, b.company_id, b.whatsapp_id
FROM unnest(CAST(:instance AS text[]), CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]))
  AS b(instance, company_id, whatsapp_id)
""")

INSERT_RATES = statement("""
INSERT INTO "LineSendRates" ("companyId", "whatsappId", "intervalMs")
SELECT b.company_id, b.whatsapp_id, :interval_ms
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
""")

INSERT_CAMPAIGNS = statement("""
INSERT INTO "Campaigns" ("companyId", "whatsappId", name, message1, status, "scheduledAt",
                         "createdAt", "updatedAt")
SELECT b.company_id, b.whatsapp_id, b.name, 'Mensagem da campanha', 'EM_ANDAMENTO', :now, :now, :now
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:name AS text[]))
  AS b(company_id, whatsapp_id, name)
RETURNING id, name, "companyId", "whatsappId"
""")


async def build(
    conn: AsyncConnection, cast: Sequence[Company], now: datetime, server: str = EVOLUTION_SERVER
) -> Stage:
    """Insert everything that the play stands on; the caller's transaction holds it together."""
    plan_id = (await conn.execute(INSERT_PLAN, {"name": PLAN, "now": now})).scalar_one()
    names = [company.name for company in cast]
    rows = await conn.execute(INSERT_COMPANIES, {"name": names, "plan_id": plan_id, "now": now})
    ids = {row.name: row.id for row in rows}
    places = await _lines(conn, cast, ids, now)
    await _connections(conn, places, server)
    return Stage(places, await _campaigns(conn, cast, places, now))


async def _lines(
    conn: AsyncConnection, cast: Sequence[Company], ids: dict[str, int], now: datetime
) -> dict[str, Place]:
    lines = [
        (company, line, number == 0)
        for company in cast
        for number, line in enumerate(company.lines)
    ]
    rows = await conn.execute(
        INSERT_LINES,
        {
            "company_id": [ids[company.name] for company, _, _ in lines],
            "name": [line.name for _, line, _ in lines],
            "number": [line.number for _, line, _ in lines],
            "is_default": [first for _, _, first in lines],
            "allow_group": [line.allow_group for _, line, _ in lines],
            "group_as_ticket": [
                "enabled" if line.group_as_ticket else "disabled" for _, line, _ in lines
            ],
            "now": now,
        },
    )
    by_number = {row.number: Place(row.companyId, row.id) for row in rows}
    return {line.instance: by_number[line.number] for _, line, _ in lines}


async def _connections(conn: AsyncConnection, places: dict[str, Place], server: str) -> None:
    of_lines = {
        "company_id": [place.company_id for place in places.values()],
        "whatsapp_id": [place.whatsapp_id for place in places.values()],
    }
    await conn.execute(INSERT_CONNECTIONS, {"server": server, "instance": list(places), **of_lines})
    await conn.execute(INSERT_RATES, {"interval_ms": SEND_INTERVAL_MS, **of_lines})


async def _campaigns(
    conn: AsyncConnection, cast: Sequence[Company], places: dict[str, Place], now: datetime
) -> tuple[Campaign, ...]:
    """Start each company's campaigns, all on its first line, so that they share its rate."""
    wanted = [
        (name, places[company.lines[0].instance]) for company in cast for name in company.campaigns
    ]
    rows = await conn.execute(
        INSERT_CAMPAIGNS,
        {
            "company_id": [place.company_id for _, place in wanted],
            "whatsapp_id": [place.whatsapp_id for _, place in wanted],
            "name": [name for name, _ in wanted],
            "now": now,
        },
    )
    found = sorted(rows, key=lambda row: int(row.id))
    return tuple(Campaign(row.id, row.name, Place(row.companyId, row.whatsappId)) for row in found)
