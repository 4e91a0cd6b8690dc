"""What a gateway's payload becomes: events, or the reason why it becomes none."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts.base import Event

LONGEST_DETAIL = 200  # characters: enough to find the cause, too few to hold a conversation


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and of no use to us; `reason` is kebab-case, so that it can be counted."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not of the gateway's shape: a dead letter, because it may have been a customer's words."""

    detail: str
    reason: str = "unreadable-payload"


@dataclass(frozen=True, slots=True)
class Translation:
    """The outcome of each part of one payload, so that a bad part harms no neighbour.

    At least one of the three has a member: nothing disappears without a name.
    """

    events: tuple[Event, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def parts(self) -> tuple[Event | Ignored | Unreadable, ...]:
        """Give what there is of each kind, to be sorted in with another's."""
        return self.events + self.ignored + self.unreadable


def translation_of(parts: Iterable[Event | Ignored | Unreadable]) -> Translation:
    """Sort the outcomes of a payload's parts by their kind, each kind in its order."""
    found = tuple(parts)
    if not found:
        return Translation(ignored=(Ignored("empty-batch"),))
    return Translation(
        events=tuple(part for part in found if isinstance(part, Event)),
        ignored=tuple(part for part in found if isinstance(part, Ignored)),
        unreadable=tuple(part for part in found if isinstance(part, Unreadable)),
    )
