"""What a handler returns: facts to publish, and events that can never take effect."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from shared.contracts.base import Event


@dataclass(frozen=True, slots=True)
class Emit:
    """A fact to publish, and the event that causes it (the last one, if there are several)."""

    cause: BaseModel
    fact: Event


@dataclass(frozen=True, slots=True)
class Reject:
    """An event of the batch that can never be applied; its record becomes a dead letter.

    `reason` is in kebab-case, `detail` is a sentence for the operator. `company_id` is set if
    the handler knows the company and `cause` does not contain it. Without `keeps_content` nothing
    of the record is stored, only that there was one.
    """

    cause: BaseModel
    reason: str
    detail: str
    company_id: int | None = None
    keeps_content: bool = True


@dataclass(frozen=True, slots=True)
class RejectWaiting:
    """A rejected event that was stored in a table because its record was already consumed.

    `number` is its id in that table, `received_at` the time of its record. Both are stored in its
    dead letter, whose partition is -1.
    """

    cause: Event
    reason: str
    detail: str
    number: int
    received_at: datetime


Outcome = list[Emit | Reject | RejectWaiting]
