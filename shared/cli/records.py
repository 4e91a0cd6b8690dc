"""Parses lines of NDJSON into Kafka records; errors name the line's number."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import NAMESPACE_URL, uuid5

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError

from shared.cli.errors import InvalidUsageError
from shared.contracts.base import Event
from shared.contracts.catalogue import load_contracts
from shared.contracts.cloudevents import build_headers
from shared.contracts.error_texts import describe_first_error
from shared.delivery.kafka.outgoing import LARGEST_RECORD


class LineError(ValueError):
    """The reason why a line cannot become a record."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def size(self) -> int:
        """Bytes of the key, the value and the headers' values."""
        parts = (self.key, self.value, *(value for _, value in self.headers))
        return sum(len(part) for part in parts if part is not None)


class RawRecord(BaseModel):
    """A record of a Kafka dump; a value that is not a string is published as JSON."""

    key: str | None = None
    headers: dict[str, str | None] | list[tuple[str, str | None]] = {}
    value: JsonValue


class Envelope(BaseModel):
    """An event with its CloudEvents attributes (structured mode)."""

    specversion: str
    type: str
    data: JsonValue
    id: str | None = None
    source: str | None = None
    time: AwareDatetime | None = None


LineParser = Callable[[bytes], Record]


def parse_lines(lines: Iterable[bytes], parse: LineParser) -> Iterator[Record]:
    """Yield the record of each line that is not empty; raises InvalidUsageError for a bad line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = parse(line.strip())
        except ValidationError as error:
            raise InvalidUsageError(
                f"Line {number} cannot be read: {describe_first_error(error)}."
            ) from error
        except LineError as error:
            raise InvalidUsageError(f"Line {number} cannot be read: {error}.") from error
        if record.size > LARGEST_RECORD:
            raise InvalidUsageError(
                f"Line {number} is too large: {record.size:,} bytes of at most {LARGEST_RECORD:,}."
            )
        yield record


def build_event_parser(topic: str, source: str, at: datetime) -> LineParser:
    """Return the parser of events of one of our topics, named without the namespace."""
    contracts = load_contracts().get(topic)
    if contracts is None:
        listed = ", ".join(load_contracts())
        raise InvalidUsageError(f"No events are known for the topic {topic}; there are {listed}.")
    return partial(_parse_event, contracts, source, at)


def parse_raw_record(line: bytes) -> Record:
    """Parse a line that holds a whole record."""
    raw = RawRecord.model_validate_json(line)
    if raw.key is None and raw.value is None:
        raise LineError("a record needs a key or a value")
    pairs = raw.headers.items() if isinstance(raw.headers, dict) else raw.headers
    return Record(
        key=None if raw.key is None else raw.key.encode(),
        value=None if raw.value is None else _to_text(raw.value).encode(),
        headers=tuple((name, None if text is None else text.encode()) for name, text in pairs),
    )


def _parse_event(
    contracts: tuple[type[Event], ...], source: str, at: datetime, line: bytes
) -> Record:
    event_id = None
    if _is_structured(line):
        envelope = Envelope.model_validate_json(line)
        contract = _find_contract(contracts, envelope.type)
        line = _to_text(envelope.data).encode()
        source, at, event_id = envelope.source or source, envelope.time or at, envelope.id
    else:
        contract = _get_single_contract(contracts)
    event = contract.model_validate_json(line)
    # Derived from the line, so that publishing it again repeats the same event.
    event_id = event_id or str(uuid5(NAMESPACE_URL, f"{contract.ce_type()} {line.decode()}"))
    return Record(
        key=event.key.encode(),
        value=line,
        headers=tuple(build_headers(event, id=event_id, source=source, time=at)),
    )


def _is_structured(line: bytes) -> bool:
    if b"specversion" not in line:  # nearly always; avoids parsing twice
        return False
    try:
        members = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError("it is not JSON") from error
    return isinstance(members, dict) and "specversion" in members


def _get_single_contract(contracts: tuple[type[Event], ...]) -> type[Event]:
    if len(contracts) == 1:
        return contracts[0]
    raise LineError(
        f"the topic has events of {len(contracts)} types, so each has to come as "
        f'{{"specversion": "1.0", "type": "{contracts[0].ce_type()}", "data": {{…}}}}'
    )


def _find_contract(contracts: tuple[type[Event], ...], name: str) -> type[Event]:
    for contract in contracts:
        if contract.ce_type() == name:
            return contract
    listed = ", ".join(contract.ce_type() for contract in contracts)
    raise LineError(f"the topic has no events of the type {name}, only {listed}")


def _to_text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
