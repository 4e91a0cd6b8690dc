"""Names the ignored members of requests and jobs: in the answer, the dead letter or the log.

Requests have an answer. Jobs (`campaign.send`) have none, so their ignored members are logged.
"""

from collections.abc import Iterable, Mapping

import structlog
from pydantic import BaseModel

from shared.contracts.base import Event, Request
from shared.contracts.ignored import MOST_NAMES
from shared.contracts.outcome import Emit

log = structlog.get_logger("chatia.worker")

IgnoredNames = Mapping[int, tuple[str, ...]]  # by `id()` of the event


def add_to_answer(item: Emit, ignored: IgnoredNames) -> Event:
    """Return the fact of an emit, with the ignored members if it answers a request with some."""
    names = ignored.get(id(item.cause), ())
    if not names or not isinstance(item.cause, Request):
        return item.fact
    if getattr(item.fact, "request_id", None) != item.cause.request_id:
        return item.fact
    if "ignored" not in type(item.fact).model_fields:
        return item.fact
    return item.fact.model_copy(update={"ignored": names})


def collect(events: Iterable[BaseModel], ignored: IgnoredNames) -> dict[str, tuple[str, ...]]:
    """Return the ignored members of events without an answer, by type; at most 20 names of each."""
    names: dict[str, dict[str, None]] = {}
    for event in events:
        if id(event) in ignored and isinstance(event, Event) and not isinstance(event, Request):
            names.setdefault(event.ce_type(), {}).update(dict.fromkeys(ignored[id(event)]))
    return {type_name: tuple(found)[:MOST_NAMES] for type_name, found in names.items()}


def log_names(service: str, names: Mapping[str, tuple[str, ...]]) -> None:
    """Log once for each type of a committed batch which members were ignored."""
    for type_name, ignored in names.items():
        log.warning("event.members_ignored", service=service, type=type_name, ignored=ignored)
