"""Rules that choose the newest status of each line. No clock, no database."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.messages.domain.keys import LineKey, get_line_key
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.outcome import Outcome, Reject


@dataclass(frozen=True, slots=True)
class LineState:
    """The status that a gateway last reported for a line."""

    company_id: int
    whatsapp_id: int
    status: str
    changed_at: datetime
    reason: str | None
    number: str | None


@dataclass(slots=True)
class Plan:
    """The newest state of each line in a batch."""

    states: dict[LineKey, LineState] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def plan_states(lines: Collection[LineKey], batch: Iterable[ConnectionUpdated]) -> Plan:
    """Keep the newest state of each line, whatever the order of the batch.

    Of two states with the same timestamp the greater text wins, so that order does not matter.
    """
    plan = Plan()
    for event in batch:
        key = get_line_key(event)
        if key not in lines:
            plan.outcome.append(Reject(event, "unknown-line", describe_missing_line(*key)))
            continue
        new = LineState(*key, event.status, event.timestamp, event.reason, event.number)
        old = plan.states.setdefault(key, new)
        if (new.changed_at, new.status) > (old.changed_at, old.status):
            plan.states[key] = new
    return plan
