"""What a gateway's payload becomes: events, or the reason why it becomes none."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from shared.contracts.base import Event

MOST_PARTS = 3_000  # of one payload; Meta gathers up to 1,000 updates
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


def or_one(
    parts: Iterable[Event | Ignored | Unreadable],
    instead: Callable[[], Event | Ignored | Unreadable],
) -> Iterator[Event | Ignored | Unreadable]:
    """Give the parts as they are read, or one instead where there are none."""
    is_empty = True
    for part in parts:
        is_empty = False
        yield part
    if is_empty:
        yield instead()


def translation_of(parts: Iterable[Event | Ignored | Unreadable]) -> Translation:
    """Sort the outcomes of a payload's parts by their kind, each kind in its order.

    A payload of too many parts is read no further, and nothing of it takes effect: it would keep
    the lines of others waiting.
    """
    found = tuple(islice(parts, MOST_PARTS + 1))
    if len(found) > MOST_PARTS:
        detail = f"the payload has more than {MOST_PARTS} parts"
        return Translation(unreadable=(Unreadable(detail, "too-many-parts"),))
    if not found:
        return Translation(ignored=(Ignored("empty-batch"),))
    return Translation(
        events=tuple(part for part in found if isinstance(part, Event)),
        ignored=tuple(part for part in found if isinstance(part, Ignored)),
        unreadable=tuple(part for part in found if isinstance(part, Unreadable)),
    )
