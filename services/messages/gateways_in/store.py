"""Statements that find the lines that gateways are registered for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import LineKey
from services.messages.gateways_in.rules import ConnectionKey, GatewayLine
from shared.db.bulk import rows_as_columns, source, statement


class Instance(NamedTuple):
    """The name of an instance."""

    instance: str


# A connection registered without a server counts for its instance on every server that has no
# connection of its own.
LINES = statement(f"""
SELECT b.server, b.instance, c."companyId", c."whatsappId", c.server = '' AS is_any_server
FROM {source(ConnectionKey)}
JOIN "GatewayConnections" c
  ON c.gateway = :gateway AND c.instance = b.instance AND rtrim(c.server, '/') IN (b.server, '')
ORDER BY is_any_server
""")

# The first three servers of each instance; the unique key of the table is the index.
SERVERS = statement(f"""
SELECT b.instance, array_agg(s.server ORDER BY s.server) AS servers
FROM {source(Instance)}
CROSS JOIN LATERAL (
  SELECT c.server FROM "GatewayConnections" c
  WHERE c.gateway = :gateway AND c.instance = b.instance ORDER BY c.server LIMIT 3) AS s
GROUP BY b.instance
""")

INSTANCES = statement(f"""
SELECT b.gateway, b.company_id, b.whatsapp_id, array_agg(c.instance) AS instances
FROM {source(GatewayLine)}
JOIN "GatewayConnections" c
  ON c."whatsappId" = b.whatsapp_id AND c."companyId" = b.company_id AND c.gateway = b.gateway
GROUP BY b.gateway, b.company_id, b.whatsapp_id
""")


async def load_lines(
    conn: AsyncConnection, gateway: str, connections: Collection[ConnectionKey]
) -> dict[ConnectionKey, Sequence[LineKey]]:
    """Return the lines that each connection of a gateway is registered for."""
    parameters = {**rows_as_columns(sorted(connections), ConnectionKey), "gateway": gateway}
    lines: defaultdict[ConnectionKey, list[LineKey]] = defaultdict(list)
    for row in await conn.execute(LINES, parameters):
        key = ConnectionKey(row.server, row.instance)
        if not (row.is_any_server and lines[key]):
            lines[key].append(LineKey(row.companyId, row.whatsappId))
    return {**lines}


async def load_servers(
    conn: AsyncConnection, gateway: str, instances: Collection[str]
) -> Mapping[str, Sequence[str]]:
    """Return the servers that instances are registered for, at most three of each.

    They may be of any company: for operators only.
    """
    named = [Instance(instance) for instance in sorted(instances)]
    parameters = {**rows_as_columns(named, Instance), "gateway": gateway}
    return {row.instance: row.servers for row in await conn.execute(SERVERS, parameters)}


async def load_instances(
    conn: AsyncConnection, lines: Collection[GatewayLine]
) -> dict[GatewayLine, frozenset[str]]:
    """Return the instance names that gateways are registered with for these lines."""
    rows = await conn.execute(INSTANCES, rows_as_columns(sorted(lines), GatewayLine))
    return {
        GatewayLine(row.gateway, row.company_id, row.whatsapp_id): frozenset(row.instances)
        for row in rows
    }
