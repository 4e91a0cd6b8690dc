"""What a line's newest status is. No clock, no database: same arguments, same answer."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.connection import ConnectionUpdated
from shared.contracts.outcome import Dead, Outcome
from shared.contracts.trouble import no_such_line


@dataclass(frozen=True, slots=True)
class LineState:
    """What a gateway last said of a line."""

    company_id: int
    whatsapp_id: int
    status: str
    changed_at: datetime
    reason: str | None
    number: str | None


@dataclass(slots=True)
class Plan:
    """The newest state of each line that a batch speaks of."""

    states: dict[tuple[int, int], LineState] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def newest(lines: Collection[tuple[int, int]], batch: Iterable[ConnectionUpdated]) -> Plan:
    """Keep the newest state of each line, whatever order the states came in."""
    plan = Plan()
    for event in batch:
        key = (event.company_id, event.whatsapp_id)
        if key not in lines:
            plan.outcome.append(
                Dead(event, "unknown-line", no_such_line(event.company_id, event.whatsapp_id))
            )
            continue
        new = LineState(*key, event.status, event.timestamp, event.reason, event.number)
        old = plan.states.setdefault(key, new)
        if (new.changed_at, new.status) > (old.changed_at, old.status):
            plan.states[key] = new
    return plan
