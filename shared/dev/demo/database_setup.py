"""Inserts a run's companies, lines, gateway connections and campaigns."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.dev.demo.companies import Campaign, Company, DemoRows, LineIds
from shared.dev.demo.records import EVOLUTION_SERVER

SEND_INTERVAL_MS = 20  # short, so that a few hundred sends take seconds
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


async def insert_demo_rows(
    conn: AsyncConnection,
    companies: Sequence[Company],
    now: datetime,
    server: str = EVOLUTION_SERVER,
) -> DemoRows:
    """Insert the rows of a run in the caller's transaction, and return their ids."""
    plan_id = (await conn.execute(INSERT_PLAN, {"name": PLAN, "now": now})).scalar_one()
    names = [company.name for company in companies]
    rows = await conn.execute(INSERT_COMPANIES, {"name": names, "plan_id": plan_id, "now": now})
    ids = {row.name: row.id for row in rows}
    lines = await _insert_lines(conn, companies, ids, now)
    await _insert_connections(conn, lines, server)
    return DemoRows(lines, await _insert_campaigns(conn, companies, lines, now))


async def _insert_lines(
    conn: AsyncConnection, companies: Sequence[Company], ids: dict[str, int], now: datetime
) -> dict[str, LineIds]:
    lines = [
        (company, line, number == 0)
        for company in companies
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
    by_number = {row.number: LineIds(row.companyId, row.id) for row in rows}
    return {line.instance: by_number[line.number] for _, line, _ in lines}


async def _insert_connections(
    conn: AsyncConnection, lines: dict[str, LineIds], server: str
) -> None:
    ids = {
        "company_id": [line.company_id for line in lines.values()],
        "whatsapp_id": [line.whatsapp_id for line in lines.values()],
    }
    await conn.execute(INSERT_CONNECTIONS, {"server": server, "instance": list(lines), **ids})
    await conn.execute(INSERT_RATES, {"interval_ms": SEND_INTERVAL_MS, **ids})


async def _insert_campaigns(
    conn: AsyncConnection, companies: Sequence[Company], lines: dict[str, LineIds], now: datetime
) -> tuple[Campaign, ...]:
    """Insert running campaigns, a company's all on its first line, so that they share its rate."""
    wanted = [
        (name, lines[company.lines[0].instance])
        for company in companies
        for name in company.campaigns
    ]
    rows = await conn.execute(
        INSERT_CAMPAIGNS,
        {
            "company_id": [line.company_id for _, line in wanted],
            "whatsapp_id": [line.whatsapp_id for _, line in wanted],
            "name": [name for name, _ in wanted],
            "now": now,
        },
    )
    found = sorted(rows, key=lambda row: int(row.id))
    return tuple(
        Campaign(row.id, row.name, LineIds(row.companyId, row.whatsappId)) for row in found
    )
