"""Reads one record of a gateway as our services do, and keeps what it wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, JsonValue
from typing_extensions import override

from shared.contracts.base import Event
from shared.contracts.bodies import read_body
from shared.contracts.catalogue import load_contracts
from shared.contracts.surrogates import repair_surrogates
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.kafka.record import Headers, Record, Rejected, Skipped
from shared.delivery.kafka.too_large import TooLarge
from shared.delivery.subscription import Subscription

Line = tuple[int, int]  # company and line

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
    members: Mapping[str, JsonValue]
    attributes: Mapping[str, str]
    reason: str = ""
    detail: str = ""

    @property
    def claimed_line(self) -> Line | None:
        """The line that the body names; None unless it has both numbers."""
        company, line = self.members.get("companyId"), self.members.get("whatsappId")
        # True is an int of Python's.
        if type(company) is int and type(line) is int:
            return company, line
        return None


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
        decoded = self._decoder.decode(record)
        place = Place(
            record.topic.removeprefix(f"{self._namespace}."), record.partition, record.offset
        )
        members, attributes = self._read_members(record, decoded.headers)
        match decoded.event:
            case Event() as event:
                return ReadRecord(record, place, event, members, attributes)
            case Rejected(reason=reason, detail=detail):
                return ReadRecord(record, place, None, members, attributes, reason, detail)
            case Skipped(type=name):
                return ReadRecord(record, place, None, members, attributes, "unknown-type", name)
            case other:
                raise TypeError(f"a {type(other).__name__} is no event of these topics")

    def _read_members(
        self, record: Record, headers: Headers
    ) -> tuple[dict[str, JsonValue], dict[str, str]]:
        attributes = {
            name.removeprefix("ce_"): (value or b"").decode(errors="replace")
            for name, value in record.headers
            if name.startswith("ce_")
        }
        value = record.value
        if value is None or isinstance(value, TooLarge):
            return {}, attributes
        value = repair_surrogates(value)
        is_structured = self._decoder.is_structured(record.topic, headers, value)
        try:
            members, envelope = read_body(value, is_structured=is_structured)
        except ValueError:
            return {}, attributes
        if is_structured:
            attributes = {name: text for name, text in envelope.items() if isinstance(text, str)}
        return (members if isinstance(members, dict) else {}), attributes


async def _ignore(*_: object) -> list[Any]:
    return []
