"""What a handler gives back: facts to tell, and records that cannot be."""

from dataclasses import dataclass

from pydantic import BaseModel

from shared.contracts.base import Event


@dataclass(frozen=True, slots=True)
class Told:
    """A fact, and the record that caused it; one that sums up several belongs to the last."""

    cause: BaseModel
    fact: Event


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that can never take effect: `reason` in kebab-case, `detail` for a person.

    `company_id` is whose it is, where the cause does not say so itself and the handler found out.
    """

    cause: BaseModel
    reason: str
    detail: str
    company_id: int | None = None


Outcome = list[Told | Dead]
