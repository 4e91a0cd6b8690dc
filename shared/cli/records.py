"""Lines of NDJSON become records for Kafka; a line that cannot is named by its number."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import NAMESPACE_URL, uuid5

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError

from shared.cli.errors import WrongUsage
from shared.contracts.base import Event
from shared.contracts.catalogue import contracts
from shared.contracts.cloudevents import headers
from shared.contracts.trouble import first_trouble
from shared.delivery.outbox import LARGEST_RECORD


class LineError(ValueError):
    """The line cannot become a record, and why."""


@dataclass(frozen=True, slots=True)
class Record:
    """What goes onto a topic."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def size(self) -> int:
        """Bytes of the key, the value and the headers' values."""
        parts = (self.key, self.value, *(value for _, value in self.headers))
        return sum(len(part) for part in parts if part is not None)


class RawRecord(BaseModel):
    """A record as dumps of Kafka write it; a value that is not text is written as JSON."""

    key: str | None = None
    headers: dict[str, str | None] | list[tuple[str, str | None]] = {}
    value: JsonValue


class Envelope(BaseModel):
    """An event that brings its own CloudEvents attributes (structured mode)."""

    specversion: str
    type: str
    data: JsonValue
    id: str | None = None
    source: str | None = None
    time: AwareDatetime | None = None


Reader = Callable[[bytes], Record]


def read_lines(lines: Iterable[bytes], read: Reader) -> Iterator[Record]:
    """Read line by line; empty lines are none. The first bad one raises WrongUsage."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = read(line.strip())
        except ValidationError as error:
            raise WrongUsage(f"Line {number} cannot be read: {first_trouble(error)}.") from error
        except LineError as error:
            raise WrongUsage(f"Line {number} cannot be read: {error}.") from error
        if record.size > LARGEST_RECORD:
            raise WrongUsage(
                f"Line {number} is too large: {record.size:,} bytes of at most {LARGEST_RECORD:,}."
            )
        yield record


def event_reader(topic: str, source: str, at: datetime) -> Reader:
    """Make the reader of events for one of our topics, named without the namespace."""
    known = contracts().get(topic)
    if known is None:
        listed = ", ".join(contracts())
        raise WrongUsage(f"No events are known for the topic {topic}; there are {listed}.")
    return partial(_read_event, known, source, at)


def read_raw(line: bytes) -> Record:
    """Take the record of the line as it is."""
    raw = RawRecord.model_validate_json(line)
    if raw.key is None and raw.value is None:
        raise LineError("a record needs a key or a value")
    pairs = raw.headers.items() if isinstance(raw.headers, dict) else raw.headers
    return Record(
        key=None if raw.key is None else raw.key.encode(),
        value=None if raw.value is None else _text(raw.value).encode(),
        headers=tuple((name, None if text is None else text.encode()) for name, text in pairs),
    )


def _read_event(known: tuple[type[Event], ...], source: str, at: datetime, line: bytes) -> Record:
    identity = None
    if _is_structured(line):
        envelope = Envelope.model_validate_json(line)
        contract = _contract_of_type(known, envelope.type)
        line = _text(envelope.data).encode()
        source, at, identity = envelope.source or source, envelope.time or at, envelope.id
    else:
        contract = _only_contract(known)
    event = contract.model_validate_json(line)
    # Derived from the line, so that publishing it again tells the same event again.
    identity = identity or str(uuid5(NAMESPACE_URL, f"{contract.ce_type()} {line.decode()}"))
    return Record(
        key=event.key.encode(),
        value=line,
        headers=tuple(headers(event, id=identity, source=source, time=at)),
    )


def _is_structured(line: bytes) -> bool:
    if b"specversion" not in line:  # nearly always, and then nothing is parsed twice
        return False
    try:
        members = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError("it is not JSON") from error
    return isinstance(members, dict) and "specversion" in members


def _only_contract(known: tuple[type[Event], ...]) -> type[Event]:
    if len(known) == 1:
        return known[0]
    raise LineError(
        f"the topic has events of {len(known)} types, so each has to come as "
        f'{{"specversion": "1.0", "type": "{known[0].ce_type()}", "data": {{…}}}}'
    )


def _contract_of_type(known: tuple[type[Event], ...], name: str) -> type[Event]:
    for contract in known:
        if contract.ce_type() == name:
            return contract
    listed = ", ".join(contract.ce_type() for contract in known)
    raise LineError(f"the topic has no events of the type {name}, only {listed}")


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
