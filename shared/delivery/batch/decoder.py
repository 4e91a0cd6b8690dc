"""The decoder of records: returns an event, Skipped or Rejected for each record."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import from_json

from shared.contracts import catalogue
from shared.contracts.base import BEGINNING, Event
from shared.contracts.bodies import read_body
from shared.contracts.error_texts import describe_first_error
from shared.contracts.gateway import RawRecord
from shared.contracts.ignored import describe_ignored, find_ignored
from shared.contracts.json_limits import find_exceeded_limit
from shared.contracts.surrogates import repair_surrogates
from shared.delivery.kafka.record import (
    LONGEST_SHOWN,
    TENANT_MISMATCH,
    TOO_LARGE,
    DecodedRecord,
    Headers,
    Record,
    Rejected,
    Skipped,
    parse_headers,
)
from shared.delivery.kafka.too_large import TooLarge
from shared.delivery.subscription import Subscription

LARGE = 65_536  # bytes of a body
STRUCTURED = "application/cloudevents+json"
TWO_MODES = (
    "the body is a structured CloudEvent, but the header ce_type says that it is not: "
    f"remove that header, or add the header content-type: {STRUCTURED}"
)

_Data = TypeVar("_Data", bound=BaseModel)


class _Attributes(BaseModel):
    """The attributes of a structured CloudEvent that decide how its data is parsed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    type: str
    companyid: JsonValue = ""


class _Envelope(BaseModel):
    """The attributes by which a structured CloudEvent is recognised without its header."""

    model_config = ConfigDict(hide_input_in_errors=True)

    specversion: str
    type: str


class _Structured(BaseModel, Generic[_Data]):
    """A structured CloudEvent; its data may have megabytes and is parsed without a copy."""

    model_config = ConfigDict(hide_input_in_errors=True)

    data: _Data


class RecordDecoder:
    """Decodes the records of a service's topics by the contracts of each topic."""

    def __init__(self, subscriptions: Iterable[Subscription], namespace: str) -> None:
        self._contracts: dict[str, list[type[BaseModel]]] = {}
        for subscription in subscriptions:
            for topic in subscription.list_topics(namespace):
                self._contracts.setdefault(topic, []).extend(
                    contract
                    for contract in subscription.contracts
                    # Without `outside_topics`, contracts are Events, which have a topic.
                    if subscription.outside_topics or f"{namespace}.{contract.topic}" == topic  # type: ignore[attr-defined]
                )

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics to subscribe to, as full names."""
        return tuple(self._contracts)

    def is_ours(self, topic: str) -> bool:
        """Return whether a topic is one of ours, whose keys begin with a company id."""
        return issubclass(self._contracts[topic][0], Event)

    def decode(self, record: Record) -> DecodedRecord:
        """Decode one record in linear time."""
        headers = parse_headers(record)
        if isinstance(headers, Rejected):
            return DecodedRecord(record, Headers(), headers)
        event = self.decode_body(record, headers)
        ignored = _find_ignored(type(event), record.value)
        return DecodedRecord(record, headers, event, ignored)

    def decode_body(self, record: Record, headers: Headers) -> BaseModel | Rejected | Skipped:
        """Return the event in a record's body; topic and type header name its contract.

        The timestamp of the record limits or replaces times in events of external producers.
        """
        value = self._read_body(record)
        if isinstance(value, Rejected):
            return value
        is_structured = self.is_structured(record.topic, headers, value)
        if is_structured:
            attributes = _parse_attributes(value, headers.company_id)
            if isinstance(attributes, Rejected):
                return attributes
            headers = attributes
        contract = self._find_contract(record.topic, headers.type)
        if isinstance(contract, Rejected | Skipped):
            return contract
        try:
            event = _parse_event(contract, value, is_structured=is_structured)
        except ValidationError as error:
            return _explain(error, contract, value, is_structured=is_structured)
        if isinstance(event, RawRecord):
            return event.model_copy(update={"received_at": _read_time(record)})
        if isinstance(event, Event) and not event.ours_alone and record.timestamp > 0:
            event = event.limit_timestamp(_read_time(record))
        return _check_company(event, headers.company_id)

    def is_structured(self, topic: str, headers: Headers, value: bytes) -> bool:
        """Return whether the body holds the attributes of the event, not only its members.

        Without the header content-type the body decides: no event has a member `specversion`.
        """
        if headers.content_type.lower().startswith(STRUCTURED):
            return True
        return not headers.type and self.is_ours(topic) and _is_envelope(value)

    def _read_body(self, record: Record) -> bytes | Rejected:
        """Return the body; on topics with external producers, reject one that exceeds a limit."""
        if record.value is None:
            return Rejected("empty-body", "the record has no body")
        if isinstance(record.value, TooLarge):
            return Rejected(TOO_LARGE, record.value.explanation)
        is_ours_alone = getattr(self._contracts[record.topic][0], "ours_alone", False)
        limit = None if is_ours_alone else find_exceeded_limit(record.value)
        return Rejected(limit.reason, limit.detail) if limit else repair_surrogates(record.value)

    def _find_contract(self, topic: str, type_name: str) -> type[BaseModel] | Rejected | Skipped:
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
        if contracts[0].ours_alone or type_name in _list_types(contracts[0].topic):
            return Skipped(type_name)
        return Rejected(
            "unknown-type",
            f"no event on {contracts[0].topic} is called {type_name[:LONGEST_SHOWN]}",
        )


def _explain(
    error: ValidationError, contract: type[BaseModel], value: bytes, *, is_structured: bool
) -> Rejected:
    """Return the reason why a body is invalid, with the members that may be misspelt."""
    if not is_structured and issubclass(contract, Event) and _is_envelope(value):
        return Rejected("unreadable-body", TWO_MODES)
    ignored = describe_ignored(_find_ignored(contract, value))
    return Rejected("unreadable-body", describe_first_error(error) + ignored)


def _read_time(record: Record) -> datetime:
    return BEGINNING + timedelta(milliseconds=max(record.timestamp, 0))


def _list_types(topic: str) -> set[str]:
    return {contract.ce_type() for contract in catalogue.load_contracts().get(topic, ())}


def _is_envelope(value: bytes) -> bool:
    if b'"specversion"' not in value:  # nearly always; avoids parsing twice
        return False
    try:
        _Envelope.model_validate_json(value)
    except ValidationError:
        return False
    return True


def _find_ignored(contract: type[object], value: bytes | None) -> tuple[str, ...]:
    """Return the names of ignored members, if the contract is one of a request or a job."""
    if not (issubclass(contract, Event) and contract.names_ignored and value):
        return ()
    try:
        members, _ = read_body(value)
    except ValueError:
        return ()
    return find_ignored(contract, members)


def _parse_attributes(value: bytes, company_id: str) -> Headers | Rejected:
    """Return the attributes; `company_id` is that of a header, if the body names none."""
    try:
        envelope = _Attributes.model_validate_json(value)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            return Rejected("unreadable-body", "the body is not JSON")
        return Rejected("unreadable-body", "a structured CloudEvent needs a type")
    return Headers(type=envelope.type, company_id=str(envelope.companyid) or company_id)


def _parse_event(contract: type[BaseModel], value: bytes, *, is_structured: bool) -> BaseModel:
    if is_structured:
        return _validate(_build_structured(contract), value).data
    return _validate(contract, value)


def _validate(model: type[_Data], value: bytes) -> _Data:
    """Parse JSON by a model; raises ValidationError.

    pydantic builds Python objects of the wrong value for each error, and of the whole body for
    each missing member. For a large body they are built once, before.
    """
    if len(value) <= LARGE:
        return model.model_validate_json(value)
    try:
        parsed = from_json(value)
    except ValueError:
        return model.model_validate_json(value)  # its error says what is wrong, and where
    if not isinstance(parsed, dict):
        return model.model_validate_json(b"[]")  # the same error, about a small body
    return model.model_validate(parsed)


@cache
def _build_structured(contract: type[BaseModel]) -> type[_Structured[BaseModel]]:
    return _Structured[contract]  # type: ignore[valid-type]  # the type is known only at run time


def _check_company(event: BaseModel, claimed: str) -> BaseModel | Rejected:
    if isinstance(event, Event) and claimed and claimed != str(event.company_id):
        return Rejected(
            TENANT_MISMATCH,
            f"the header says company {claimed}, the body says {event.company_id}",
        )
    return event
