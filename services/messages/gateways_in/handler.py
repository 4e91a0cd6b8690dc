"""Translate the payloads of gateways into events of registered lines."""

from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.gateways_in import rules, store
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.outcome import Outcome

log = structlog.get_logger("chatia.messages")


async def translate_evolution(conn: AsyncConnection, batch: Sequence[EvolutionRecord]) -> Outcome:
    """Translate the events that Evolution API publishes on Kafka itself."""
    connections = {rules.get_connection_key(record) for record in batch}
    lines = await store.load_lines(conn, "evolution", connections)
    unknown = {key.instance for key in connections if not lines.get(key)}
    servers = await store.load_servers(conn, "evolution", unknown) if unknown else {}
    return _log_ignored(rules.translate_evolution(lines, batch, servers))


async def translate_posted(conn: AsyncConnection, batch: Sequence[GatewayReceived]) -> Outcome:
    """Translate the payloads that gateways posted to our webhooks."""
    instances = await store.load_instances(conn, {rules.get_gateway_line(p) for p in batch})
    return _log_ignored(rules.translate_posted(instances, batch))


def _log_ignored(translated: rules.TranslatedBatch) -> Outcome:
    """Log the number of ignored parts of payloads by reason, so that none is lost silently."""
    if translated.ignored:
        log.info("payloads.ignored", reasons=dict(translated.ignored))
    return translated.outcome
