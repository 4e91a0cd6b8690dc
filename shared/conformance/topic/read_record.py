"""Reads one record of a gateway as our services do, and keeps what it wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json
from typing_extensions import override

from shared.contracts.base import Event
from shared.contracts.catalogue import load_contracts
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.kafka.record import Record, Rejected, Skipped
from shared.delivery.kafka.too_large import TooLarge
from shared.delivery.subscription import Subscription

STRUCTURED = "application/cloudevents+json"
TOPICS = ("message.received", "message.changed", "connection.changed", "message.answered")


@dataclass(frozen=True, slots=True)
class Place:
    """Topic without namespace, partition and offset of a record."""

    topic: str
    partition: int
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record: `event` is None if it cannot be read, and `reason` and `detail` say why.

    `members` are those of the body as written, without the envelope of a structured CloudEvent,
    whose attributes are in `attributes`, as those of the headers are.
    """

    record: Record
    place: Place
    event: Event | None
    members: Mapping[str, Any]
    attributes: Mapping[str, str]
    reason: str = ""
    detail: str = ""

    @property
    def claimed_line(self) -> tuple[object, object]:
        """Company and line as the body says; None for what it does not say."""
        return self.members.get("companyId"), self.members.get("whatsappId")


class RecordReader:
    """Decodes the records of the topics that a gateway writes."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        contracts: list[type[BaseModel]] = [
            contract for topic in TOPICS for contract in load_contracts()[topic]
        ]
        self._decoder = RecordDecoder([Subscription(tuple(contracts), _ignore)], namespace)

    def read(self, record: Record) -> ReadRecord:
        """Read one record."""
        decoded = self._decoder.decode(record).event
        place = Place(
            record.topic.removeprefix(f"{self._namespace}."), record.partition, record.offset
        )
        members, attributes = _read_members(record)
        match decoded:
            case Event():
                return ReadRecord(record, place, decoded, members, attributes)
            case Rejected(reason=reason, detail=detail):
                return ReadRecord(record, place, None, members, attributes, reason, detail)
            case Skipped(type=name):
                return ReadRecord(record, place, None, members, attributes, "unknown-type", name)
            case _:
                raise TypeError(f"a {type(decoded).__name__} is no event of these topics")


async def _ignore(*_: object) -> list[Any]:
    return []


def _read_members(record: Record) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    attributes = {
        name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")
    }
    body = _parse(record.value)
    if headers.get("content-type", "").startswith(STRUCTURED):
        attributes = {name: value for name, value in body.items() if isinstance(value, str)}
        data = body.get("data")
        return (data if isinstance(data, dict) else {}), attributes
    return body, attributes


def _parse(value: object) -> dict[str, Any]:
    """Return the members of a body; nothing if it is no JSON object."""
    if not isinstance(value, bytes) or isinstance(value, TooLarge):
        return {}
    try:
        body = from_json(value)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
