"""What becomes of gateways' raw events. No clock, no database: same arguments, same answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from shared.contracts.base import BEGINNING
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.outcome import Dead, Outcome, Told
from shared.gateways import evolution, registry
from shared.gateways import line as gateways
from shared.gateways.outcome import Translation

Connection = tuple[str, str]  # server, instance


@dataclass(frozen=True, slots=True)
class Line:
    """The line that a gateway's connection belongs to."""

    company_id: int
    whatsapp_id: int


def connection_of(record: EvolutionRecord) -> Connection:
    """Name the connection as "GatewayConnections" does; a trailing slash means nothing."""
    return record.server_url.rstrip("/"), record.instance


def translate(
    lines: Mapping[Connection, Sequence[Line]], batch: Iterable[EvolutionRecord]
) -> Outcome:
    """Turn raw events into our own, each for the line that its connection belongs to.

    The company is the connection's, whatever the payload says (design 4).
    """
    outcome: Outcome = []
    for record in batch:
        found = lines.get(connection_of(record), ())
        if len(found) == 1:
            outcome += _translated(record, evolution.translate(record, _received(record, found[0])))
        else:
            outcome.append(_unknown(record, found))
    return outcome


def translate_posted(batch: Iterable[GatewayReceived]) -> Outcome:
    """Turn posted payloads into events of the lines whose addresses they were posted to."""
    outcome: Outcome = []
    for posted in batch:
        line = gateways.Line(posted.company_id, posted.whatsapp_id, posted.received_at)
        try:
            payload = json.loads(posted.body)
        except (ValueError, RecursionError):
            outcome.append(Dead(posted, "unreadable-payload", "the body is not JSON"))
            continue
        try:
            outcome += _translated(posted, registry.translate(posted.gateway, payload, line))
        except registry.UnknownGatewayError as error:
            outcome.append(Dead(posted, "unknown-gateway", str(error)))
    return outcome


def _received(record: EvolutionRecord, line: Line) -> gateways.Line:
    received_at = record.received_at or BEGINNING
    return gateways.Line(line.company_id, line.whatsapp_id, received_at)


def _translated(record: BaseModel, translation: Translation) -> Outcome:
    outcome: Outcome = [Told(record, event) for event in translation.events]
    if translation.unreadable:
        outcome.append(Dead(record, "unreadable-payload", translation.unreadable[0].detail))
    return outcome


def _unknown(record: EvolutionRecord, found: Sequence[Line]) -> Dead:
    where = f"instance {record.instance!r} of server {record.server_url!r}"
    if found:
        return Dead(record, "ambiguous-connection", f"{where} is registered for several lines")
    return Dead(
        record,
        "unknown-connection",
        f'{where} is not in "GatewayConnections"; register it, then replay this record',
    )
