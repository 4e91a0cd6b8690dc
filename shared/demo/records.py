"""Kafka records as gateways put them on their topics."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.cloudevents import headers

SOURCE = "urn:chatia:demo"
EVOLUTION_SERVER = "https://evolution.example"


@dataclass(frozen=True, slots=True)
class Raw:
    """One record to publish; `dead` is the reason for which it must become a dead letter."""

    topic: str
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    dead: str | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the sample traffic goes to, and the server that Evolution API's events come from."""

    namespace: str
    evolution_prefix: str
    evolution_server: str = EVOLUTION_SERVER

    def own(self, name: str) -> str:
        """Name a topic of this deployment."""
        return f"{self.namespace}.{name}"

    def evolution(self, event: str) -> str:
        """Name Evolution API's global topic of an event."""
        return f"{self.evolution_prefix}.global.{event}"


def evolution_headers(event: str, instance: str, date_time: str) -> tuple[tuple[str, bytes], ...]:
    """Give the four headers that Evolution API puts on every record."""
    return (
        ("event", event.encode()),
        ("instance", instance.encode()),
        ("origin", b"ChannelStartupService"),
        ("timestamp", date_time.encode()),
    )


def evolution_envelope(
    event: str, instance: str, owner: str, at: datetime, content: JsonValue
) -> dict[str, JsonValue]:
    """Wrap an event as Evolution API does, with its false Z and the instance's secret."""
    return {
        "event": event,
        "instance": instance,
        "data": content,
        "date_time": false_zulu(at),
        "sender": f"{owner}@s.whatsapp.net",
        "apikey": "DEMO-0000-NOT-A-SECRET-0000",
        "timestamp": int(at.timestamp() * 1000),
    }


def false_zulu(at: datetime) -> str:
    """Write local wall time (three hours behind UTC) with a Z, as Evolution API does."""
    local = datetime.fromtimestamp(at.timestamp() - 3 * 3600, UTC)
    return local.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def evolution_record(topics: Topics, envelope: dict[str, JsonValue]) -> Raw:
    """Make the record of an envelope, keyed as on Evolution API's global topics."""
    event, instance = str(envelope["event"]), str(envelope["instance"])
    named = envelope | {"server_url": topics.evolution_server}
    return Raw(
        topic=topics.evolution(event),
        key=f"{instance}-{event}",
        value=json.dumps(named, ensure_ascii=False).encode(),
        headers=evolution_headers(event, instance, str(envelope["date_time"])),
    )


def own_record(topics: Topics, event: Event, nonce: str, at: datetime) -> Raw:
    """Make the record of one of our contracts, as a gateway or scheduler of our own would."""
    return Raw(
        topic=topics.own(event.topic),
        key=event.key,
        value=event.model_dump_json(by_alias=True, exclude_none=True).encode(),
        headers=tuple(headers(event, id=str(uuid5(NAMESPACE_URL, nonce)), source=SOURCE, time=at)),
    )
