"""A Kafka record, its CloudEvents headers, and the result of decoding it."""

from dataclasses import dataclass

from aiokafka import ConsumerRecord
from pydantic import BaseModel

from shared.delivery.kafka import header_names

Record = ConsumerRecord[bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The result for an unreadable record: reason and detail of its dead letter."""

    reason: str
    detail: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The result for a record with an event type that this service does not subscribe to."""

    type: str


@dataclass(frozen=True, slots=True)
class Headers:
    """The CloudEvents attributes that decide how a record is decoded; empty if absent."""

    type: str = ""
    source: str = ""
    sequence: str = ""
    company_id: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class DecodedRecord:
    """A record with its headers, and its event or the reason why it has none.

    `ignored` names the members of a request or job that its contract does not have.
    """

    record: Record
    headers: Headers
    event: BaseModel | Rejected | Skipped
    ignored: tuple[str, ...] = ()


LONGEST_SHOWN = 100  # characters
TENANT_MISMATCH = "tenant-mismatch"
TOO_LARGE = "too-large"

_FIELDS = {
    "ce_type": "type",
    "ce_source": "source",
    "ce_sequence": "sequence",
    "ce_companyid": "company_id",
    "content-type": "content_type",
}


def parse_headers(record: Record) -> Headers | Rejected:
    """Return the headers that matter; all others may have any value, also null or binary."""
    values: dict[str, str] = {}
    for name, value in record.headers:
        if name in _FIELDS:
            try:
                values[_FIELDS[name]] = (value or b"").decode()
            except UnicodeDecodeError:
                return Rejected("unreadable-header", f"header {name} is not UTF-8")
        elif not header_names.is_utf8(name):
            return Rejected("unreadable-header", _describe_name(name))
    return Headers(**values)


def _describe_name(name: str) -> str:
    shown = header_names.encode_name(name).decode(errors="backslashreplace")
    return f"a header is called {shown[:LONGEST_SHOWN]}, which is not UTF-8; tell who publishes it"
