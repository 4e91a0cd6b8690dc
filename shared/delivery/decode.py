"""The sorting table: each record alone becomes an event of a contract, or a reason why not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Generic, TypeVar

from aiokafka import ConsumerRecord
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import from_json

from shared.contracts import catalogue
from shared.contracts.base import BEGINNING, Event
from shared.contracts.gateway import RawRecord
from shared.contracts.json_limits import exceeded
from shared.contracts.trouble import first_trouble
from shared.delivery import header_names
from shared.delivery.subscription import Subscription
from shared.delivery.too_large import TooLarge

Record = ConsumerRecord[bytes | None, bytes | None]
_Data = TypeVar("_Data", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that no reader will ever understand."""

    reason: str
    detail: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record of a type that this service does not listen to."""

    type: str


@dataclass(frozen=True, slots=True)
class Headers:
    """The CloudEvents attributes that decide how a record is read; empty where absent."""

    type: str = ""
    source: str = ""
    sequence: str = ""
    company_id: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A record with its headers and its event, or with the reason why it has none."""

    record: Record
    headers: Headers
    event: BaseModel | Rejected | Skipped


LONGEST_SHOWN = 100  # characters
LARGE = 65_536  # bytes of a body
TENANT_MISMATCH = "tenant-mismatch"
TOO_LARGE = "too-large"

_MEMBERS = {
    "ce_type": "type",
    "ce_source": "source",
    "ce_sequence": "sequence",
    "ce_companyid": "company_id",
    "content-type": "content_type",
}


def headers_of(record: Record) -> Headers | Rejected:
    """Read the few headers that matter; others may hold anything, also null or binary."""
    found: dict[str, str] = {}
    for name, value in record.headers:
        if name in _MEMBERS:
            try:
                found[_MEMBERS[name]] = (value or b"").decode()
            except UnicodeDecodeError:
                return Rejected("unreadable-header", f"header {name} is not UTF-8")
        elif not header_names.is_readable(name):
            return Rejected("unreadable-header", _unreadable_name(name))
    return Headers(**found)


def _unreadable_name(name: str) -> str:
    shown = header_names.as_bytes(name).decode(errors="backslashreplace")
    return f"a header is called {shown[:LONGEST_SHOWN]}, which is not UTF-8; tell who publishes it"


class _Attributes(BaseModel):
    """The attributes of a structured CloudEvent that decide how its data is read."""

    model_config = ConfigDict(hide_input_in_errors=True)

    type: str
    companyid: JsonValue = ""


class _Structured(BaseModel, Generic[_Data]):
    """A structured CloudEvent, whose data is read in place: it may be megabytes."""

    model_config = ConfigDict(hide_input_in_errors=True)

    data: _Data


class SortingTable:
    """Knows, for every topic, which contracts may come on it."""

    def __init__(self, subscriptions: Iterable[Subscription], namespace: str) -> None:
        self._contracts: dict[str, list[type[BaseModel]]] = {}
        for subscription in subscriptions:
            for topic in subscription.topics(namespace):
                self._contracts.setdefault(topic, []).extend(
                    contract
                    for contract in subscription.contracts
                    if subscription.outside_topics or f"{namespace}.{contract.topic}" == topic  # type: ignore[attr-defined]
                )

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic to subscribe to."""
        return tuple(self._contracts)

    def is_ours(self, topic: str) -> bool:
        """Whether a topic's keys begin with companies."""
        return issubclass(self._contracts[topic][0], Event)

    def reading(self, record: Record) -> Reading:
        """Read one record; this takes no longer than in proportion to its bytes."""
        headers = headers_of(record)
        if isinstance(headers, Rejected):
            return Reading(record, Headers(), headers)
        return Reading(record, headers, self.read(record, headers))

    def read(self, record: Record, headers: Headers) -> BaseModel | Rejected | Skipped:
        """Give the event that a record holds, judging it by its type and its body."""
        value = self._body_of(record)
        if isinstance(value, Rejected):
            return value
        is_structured = headers.content_type.startswith("application/cloudevents+json")
        if is_structured:
            attributes = _attributes_in(value)
            if isinstance(attributes, Rejected):
                return attributes
            headers = attributes
        contract = self._contract(record.topic, headers.type)
        if isinstance(contract, Rejected | Skipped):
            return contract
        try:
            event = _parsed(contract, value, is_structured=is_structured)
        except ValidationError as error:
            return Rejected("unreadable-body", first_trouble(error))
        if isinstance(event, RawRecord):
            return event.model_copy(update={"received_at": _time_of(record)})
        if isinstance(event, Event) and not event.ours_alone and record.timestamp > 0:
            event = event.heard_at(_time_of(record))
        return _checked_company(event, headers.company_id)

    def _body_of(self, record: Record) -> bytes | Rejected:
        """Give the body, which others than our services may have written to be read at any cost."""
        if record.value is None:
            return Rejected("empty-body", "the record has no body")
        if isinstance(record.value, TooLarge):
            return Rejected(TOO_LARGE, record.value.says)
        is_ours_alone = getattr(self._contracts[record.topic][0], "ours_alone", False)
        limit = None if is_ours_alone else exceeded(record.value)
        return Rejected(limit.reason, limit.detail) if limit else record.value

    def _contract(self, topic: str, type_name: str) -> type[BaseModel] | Rejected | Skipped:
        contracts = self._contracts[topic]
        if not type_name or not issubclass(contracts[0], Event):
            if len(contracts) == 1:
                return contracts[0]
            return Rejected("missing-type", "the record has no ce_type header to read it by")
        for contract in contracts:
            if issubclass(contract, Event) and contract.ce_type() == type_name:
                return contract
        stem = type_name.rpartition(".v")[0]
        if any(issubclass(c, Event) and c.ce_type().rpartition(".v")[0] == stem for c in contracts):
            return Rejected("unknown-version", f"no reader for {type_name}; upgrade this worker")
        if contracts[0].ours_alone or type_name in _types_of(contracts[0].topic):
            return Skipped(type_name)
        return Rejected(
            "unknown-type",
            f"no event on {contracts[0].topic} is called {type_name[:LONGEST_SHOWN]}",
        )


def _time_of(record: Record) -> datetime:
    return BEGINNING + timedelta(milliseconds=max(record.timestamp, 0))


def _types_of(topic: str) -> set[str]:
    return {contract.ce_type() for contract in catalogue.contracts().get(topic, ())}


def _attributes_in(value: bytes) -> Headers | Rejected:
    try:
        envelope = _Attributes.model_validate_json(value)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            return Rejected("unreadable-body", "the body is not JSON")
        return Rejected("unreadable-body", "a structured CloudEvent needs a type")
    return Headers(type=envelope.type, company_id=str(envelope.companyid))


def _parsed(contract: type[BaseModel], value: bytes, *, is_structured: bool) -> BaseModel:
    if is_structured:
        return _validated(_structured(contract), value).data
    return _validated(contract, value)


def _validated(model: type[_Data], value: bytes) -> _Data:
    """Read JSON by its model; each error holds what is wrong, and one of a large body all of it.

    pydantic makes Python objects of that for each error, so for a large body they are made before.
    """
    members = _members(value) if len(value) > LARGE else None
    return model.model_validate_json(value) if members is None else model.model_validate(members)


def _members(value: bytes) -> dict[str, object] | None:
    try:
        members = from_json(value)
    except ValueError:
        return None  # the model says what is wrong, and where
    return members if isinstance(members, dict) else None


@cache
def _structured(contract: type[BaseModel]) -> type[_Structured[BaseModel]]:
    return _Structured[contract]  # type: ignore[valid-type]  # a type that is known only here


def _checked_company(event: BaseModel, claimed: str) -> BaseModel | Rejected:
    if isinstance(event, Event) and claimed and claimed != str(event.company_id):
        return Rejected(
            TENANT_MISMATCH,
            f"the header says company {claimed}, the body says {event.company_id}",
        )
    return event
