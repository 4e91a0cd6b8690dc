"""The result of translating a payload: events, ignored parts and unreadable parts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from shared.contracts.base import Event

MOST_PARTS = 3_000  # of one payload; Meta batches up to 1,000 updates
LONGEST_DETAIL = 200  # characters: enough to find the cause, too few for a whole message


@dataclass(frozen=True, slots=True)
class Ignored:
    """A known part without effect; `reason` is in kebab-case, for counting."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part with an unknown structure; it becomes a dead letter."""

    detail: str
    reason: str = "unreadable-payload"


@dataclass(frozen=True, slots=True)
class Translation:
    """The outcomes of all parts of one payload; a bad part does not affect the others.

    At least one of the three is not empty: every part has an outcome.
    """

    events: tuple[Event, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


PartOutcome = Event | Ignored | Unreadable
PartOutcomes = Iterable[PartOutcome]
TypeAndBody = tuple[str, str]  # the media type and the body of a message


def yield_or_default(
    parts: Iterable[PartOutcome],
    default: Callable[[], PartOutcome],
) -> Iterator[PartOutcome]:
    """Yield the parts, or the default if there are none."""
    is_empty = True
    for part in parts:
        is_empty = False
        yield part
    if is_empty:
        yield default()


def build_translation(parts: Iterable[PartOutcome]) -> Translation:
    """Return the outcomes of a payload's parts by kind, each kind in its order.

    A payload of more than `MOST_PARTS` parts is unreadable as a whole: it would delay other lines.
    """
    limited = tuple(islice(parts, MOST_PARTS + 1))
    if len(limited) > MOST_PARTS:
        detail = f"the payload has more than {MOST_PARTS} parts"
        return Translation(unreadable=(Unreadable(detail, "too-many-parts"),))
    if not limited:
        return Translation(ignored=(Ignored("empty-batch"),))
    return Translation(
        events=tuple(part for part in limited if isinstance(part, Event)),
        ignored=tuple(part for part in limited if isinstance(part, Ignored)),
        unreadable=tuple(part for part in limited if isinstance(part, Unreadable)),
    )
