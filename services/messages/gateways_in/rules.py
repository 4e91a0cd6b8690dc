"""Rules that translate gateways' payloads into events. No clock, no database."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, JsonValue

from services.messages.domain.keys import LineKey
from shared.contracts.base import BEGINNING, Event
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.json_limits import find_exceeded_limit
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.surrogates import repair_surrogates
from shared.gateways import registry
from shared.gateways.evolution import events as evolution
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Translation


class ConnectionKey(NamedTuple):
    """Key of a row of "GatewayConnections"; `server` has no trailing slash."""

    server: str
    instance: str


class GatewayLine(NamedTuple):
    """A line, and the gateway that posts payloads for it."""

    gateway: str
    company_id: int
    whatsapp_id: int


@dataclass(slots=True)
class TranslatedBatch:
    """The outcome of a batch, and the number of ignored parts of payloads by reason."""

    outcome: Outcome = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def add(self, record: BaseModel, line: Line, translation: Translation) -> None:
        """Add the translation of a record of a line."""
        self.outcome += [
            Emit(record, _stamp(event, line.received_at)) for event in translation.events
        ]
        self.ignored.update(part.reason for part in translation.ignored)
        if translation.unreadable:
            first = translation.unreadable[0]
            self.outcome.append(Reject(record, first.reason, first.detail, line.company_id))


def get_connection_key(record: EvolutionRecord) -> ConnectionKey:
    """Return the key of the connection that a record is from."""
    return ConnectionKey(record.server_url.rstrip("/"), record.instance)


def get_gateway_line(posted: GatewayReceived) -> GatewayLine:
    """Return the line and gateway in the address that a payload was posted to."""
    return GatewayLine(posted.gateway, posted.company_id, posted.whatsapp_id)


def translate_evolution(
    lines: Mapping[ConnectionKey, Sequence[LineKey]],
    batch: Iterable[EvolutionRecord],
    servers: Mapping[str, Sequence[str]],
) -> TranslatedBatch:
    """Translate records, each for the line that its connection is registered for.

    The company is that of the connection; a company in the payload is ignored. `servers` are those
    that an unknown connection's instance is registered for.
    """
    translated = TranslatedBatch()
    for record in batch:
        registered = lines.get(get_connection_key(record), ())
        if len(registered) == 1:
            line = Line(*registered[0], record.received_at or BEGINNING)
            translated.add(record, line, evolution.translate(record, line))
        else:
            known = servers.get(record.instance, ())
            translated.outcome.append(_reject_connection(record, registered, known))
    return translated


def translate_posted(
    instances: Mapping[GatewayLine, frozenset[str]], batch: Iterable[GatewayReceived]
) -> TranslatedBatch:
    """Translate posted payloads for the lines whose addresses they were posted to.

    `instances` are the registered instance names of each line; a payload with another instance
    is rejected.
    """
    translated = TranslatedBatch()
    for posted in batch:
        names = instances.get(get_gateway_line(posted), frozenset())
        line = Line(posted.company_id, posted.whatsapp_id, posted.received_at, names)
        payload = _parse_payload(posted)
        if isinstance(payload, Reject):
            translated.outcome.append(payload)
            continue
        try:
            translated.add(posted, line, registry.translate(posted.gateway, payload, line))
        except registry.UnknownGatewayError as error:
            translated.outcome.append(Reject(posted, "unknown-gateway", str(error)))
    return translated


def _stamp(event: Event, received_at: datetime) -> Event:
    """Return a message with the time of its payload: waiting in Kafka does not make it older."""
    if not isinstance(event, MessageReceived):
        return event
    return event.model_copy(update={"received_at": received_at})


def _parse_payload(posted: GatewayReceived) -> JsonValue | Reject:
    body = posted.body.encode()
    if limit := find_exceeded_limit(body):
        return Reject(posted, limit.reason, limit.detail)
    try:
        payload: JsonValue = json.loads(repair_surrogates(body))
    except (ValueError, RecursionError):
        return Reject(posted, "unreadable-payload", "the body is not JSON")
    return payload


def _reject_connection(
    record: EvolutionRecord, registered: Sequence[LineKey], servers: Sequence[str]
) -> Reject:
    """Return why a record belongs to no line.

    An instance of the same name on another server may be another company's, so it does not count.
    """
    connection = f"instance {record.instance!r} of server {record.server_url!r}"
    if registered:
        detail = f"{connection} is registered for several lines"
        return Reject(record, "ambiguous-connection", detail)
    missing = f'{connection} is not in "GatewayConnections"; register it, then replay this record'
    detail = _describe_other_server(record, servers) if servers else missing
    return Reject(record, "unknown-connection", detail)


def _describe_other_server(record: EvolutionRecord, servers: Sequence[str]) -> str:
    named = f"server {record.server_url!r}" if record.server_url else "no server"
    return (
        f"instance {record.instance!r} is registered for server "
        f"{' and '.join(map(repr, servers))}; the record names {named}. If it is the same "
        'instance, add a row of "GatewayConnections" with the server of the record, then replay it'
    )
