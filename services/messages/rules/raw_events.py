"""What becomes of gateways' raw events. No clock, no database: same arguments, same answer."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue

from shared.contracts.base import BEGINNING
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.json_limits import exceeded
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


ConnectedLine = tuple[str, Line]  # a gateway's name, and the line that it posts for


@dataclass(slots=True)
class Translated:
    """What a batch becomes, and how many of its parts become nothing, by reason."""

    outcome: Outcome = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def take(self, record: BaseModel, line: gateways.Line, translation: Translation) -> None:
        """Add what a record of a line becomes."""
        self.outcome += [Told(record, event) for event in translation.events]
        self.ignored.update(part.reason for part in translation.ignored)
        if translation.unreadable:
            first = translation.unreadable[0]
            self.outcome.append(Dead(record, first.reason, first.detail, line.company_id))


def connection_of(record: EvolutionRecord) -> Connection:
    """Name the connection as "GatewayConnections" does; a trailing slash means nothing."""
    return record.server_url.rstrip("/"), record.instance


def translate(
    lines: Mapping[Connection, Sequence[Line]], batch: Iterable[EvolutionRecord]
) -> Translated:
    """Turn raw events into our own, each for the line that its connection belongs to.

    The company is the connection's, whatever the payload says (design 4).
    """
    translated = Translated()
    for record in batch:
        found = lines.get(connection_of(record), ())
        if len(found) == 1:
            line = _received(record, found[0])
            translated.take(record, line, evolution.translate(record, line))
        else:
            translated.outcome.append(_unknown(record, found))
    return translated


def connected_line_of(posted: GatewayReceived) -> ConnectedLine:
    """Name the line whose address a payload was posted to, and the gateway that did so."""
    return posted.gateway, Line(posted.company_id, posted.whatsapp_id)


def translate_posted(
    instances: Mapping[ConnectedLine, frozenset[str]], batch: Iterable[GatewayReceived]
) -> Translated:
    """Turn posted payloads into events of the lines whose addresses they were posted to.

    `instances` are the names that are registered for a line; what a payload says is compared.
    """
    translated = Translated()
    for posted in batch:
        named = instances.get(connected_line_of(posted), frozenset())
        line = gateways.Line(posted.company_id, posted.whatsapp_id, posted.received_at, named)
        payload = _payload_of(posted)
        if isinstance(payload, Dead):
            translated.outcome.append(payload)
            continue
        try:
            translated.take(posted, line, registry.translate(posted.gateway, payload, line))
        except registry.UnknownGatewayError as error:
            translated.outcome.append(Dead(posted, "unknown-gateway", str(error)))
    return translated


def _payload_of(posted: GatewayReceived) -> JsonValue | Dead:
    if limit := exceeded(posted.body.encode()):
        return Dead(posted, limit.reason, limit.detail)
    try:
        payload: JsonValue = json.loads(posted.body)
    except (ValueError, RecursionError):
        return Dead(posted, "unreadable-payload", "the body is not JSON")
    return payload


def _received(record: EvolutionRecord, line: Line) -> gateways.Line:
    received_at = record.received_at or BEGINNING
    return gateways.Line(line.company_id, line.whatsapp_id, received_at)


def _unknown(record: EvolutionRecord, found: Sequence[Line]) -> Dead:
    where = f"instance {record.instance!r} of server {record.server_url!r}"
    if found:
        return Dead(record, "ambiguous-connection", f"{where} is registered for several lines")
    return Dead(
        record,
        "unknown-connection",
        f'{where} is not in "GatewayConnections"; register it, then replay this record',
    )
