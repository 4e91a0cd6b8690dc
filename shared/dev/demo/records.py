"""Kafka records as gateways publish them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.cloudevents import build_headers

SOURCE = "urn:chatia:demo"
EVOLUTION_SERVER = "https://evolution.example"


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A record to publish; `dead_reason` is that of the dead letter it must become, if any."""

    topic: str
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    dead_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics of a deployment, and the address of its Evolution API server."""

    namespace: str
    evolution_prefix: str
    evolution_server: str = EVOLUTION_SERVER

    def get_own(self, name: str) -> str:
        """Return the full name of one of our topics."""
        return f"{self.namespace}.{name}"

    def get_evolution(self, event: str) -> str:
        """Return the name of Evolution API's global topic of an event."""
        return f"{self.evolution_prefix}.global.{event}"


def build_evolution_headers(
    event: str, instance: str, date_time: str
) -> tuple[tuple[str, bytes], ...]:
    """Return the four headers that Evolution API puts on every record."""
    return (
        ("event", event.encode()),
        ("instance", instance.encode()),
        ("origin", b"ChannelStartupService"),
        ("timestamp", date_time.encode()),
    )


def build_evolution_envelope(
    event: str, instance: str, owner: str, at: datetime, content: JsonValue
) -> dict[str, JsonValue]:
    """Build an event as Evolution API does: local time marked as UTC, and an API key."""
    return {
        "event": event,
        "instance": instance,
        "data": content,
        "date_time": format_local_as_utc(at),
        "sender": f"{owner}@s.whatsapp.net",
        "apikey": "DEMO-0000-NOT-A-SECRET-0000",
        "timestamp": int(at.timestamp() * 1000),
    }


def format_local_as_utc(at: datetime) -> str:
    """Return local time (UTC-3) in ISO 8601 with a Z, which is wrong, as Evolution API does."""
    local = datetime.fromtimestamp(at.timestamp() - 3 * 3600, UTC)
    return local.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def build_evolution_record(topics: Topics, envelope: dict[str, JsonValue]) -> SampleRecord:
    """Build the record of an envelope, with the key of Evolution API's global topics."""
    event, instance = str(envelope["event"]), str(envelope["instance"])
    named = envelope | {"server_url": topics.evolution_server}
    return SampleRecord(
        topic=topics.get_evolution(event),
        key=f"{instance}-{event}",
        value=json.dumps(named, ensure_ascii=False).encode(),
        headers=build_evolution_headers(event, instance, str(envelope["date_time"])),
    )


def build_own_record(topics: Topics, event: Event, nonce: str, at: datetime) -> SampleRecord:
    """Build the record of one of our contracts; its event id is derived from `nonce`."""
    return SampleRecord(
        topic=topics.get_own(event.topic),
        key=event.key,
        value=event.model_dump_json(by_alias=True, exclude_none=True).encode(),
        headers=tuple(
            build_headers(event, id=str(uuid5(NAMESPACE_URL, nonce)), source=SOURCE, time=at)
        ),
    )
