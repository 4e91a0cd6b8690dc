"""Who sends far more than its share, and which records wait aside so that the others need not.

No clock, no Kafka, no database: the same arguments always give the same answer.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.delivery.decode import Record
from shared.delivery.replay import REPLAY_FOR

WINDOW_S = 10
FEW = 200  # records in that time: who sends no more crowds nobody out
LONGEST_LANE = 64  # characters

Spans = dict[str, "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """From the first record of a lane that was set aside in a partition to the last so far."""

    first: int
    last: int


def lane_of(record: Record) -> str:
    """Name the sender that a key begins with: our keys' company, Evolution's instance and event.

    Records with one key have one lane, so what is in order stays so. Empty where no key can tell.
    """
    lane = (record.key or b"").partition(b":")[0].decode("ascii", "replace")
    return lane if lane.isprintable() and len(lane) <= LONGEST_LANE else ""


def is_aside(record: Record, spans: Spans) -> bool:
    """Tell whether a record is one of those set aside; a replayed dead letter never is."""
    span = spans.get(lane_of(record)) if spans else None
    return span is not None and span.first <= record.offset <= span.last and not _is_replay(record)


def set_aside(records: Sequence[Record], spans: Spans, noisy: frozenset[str]) -> Spans:
    """Extend the spans of one partition over its next records; a noisy lane begins one."""
    if not spans and not noisy:
        return spans
    extended = dict(spans)
    for record in records:
        lane = lane_of(record)
        if (lane in extended or lane in noisy) and not _is_replay(record):
            span = extended.get(lane) or Span(record.offset, record.offset)
            extended[lane] = replace(span, last=record.offset)
    return extended


def read(stored: Mapping[str, Sequence[int]]) -> Spans:
    """Read spans as a checkpoint's row holds them."""
    return {lane: Span(first, last) for lane, (first, last) in stored.items()}


def written(spans: Spans) -> dict[str, list[int]]:
    """Give spans as a checkpoint's row holds them."""
    return {lane: [span.first, span.last] for lane, span in spans.items()}


class Crowd:
    """How many records each lane brought to this process in the last seconds.

    A lane is noisy with more than a few, and more than `times` what the others bring on average;
    nobody is while it is alone, and with `times` 0.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        self._seconds: deque[tuple[int, Counter[str]]] = deque()
        self._total: Counter[str] = Counter()

    def saw(self, lanes: Counter[str], now_s: float) -> None:
        """Count records."""
        self._forget(now_s)
        if not self._seconds or self._seconds[-1][0] != int(now_s):
            self._seconds.append((int(now_s), Counter()))
        self._seconds[-1][1].update(lanes)
        self._total.update(lanes)

    def noisy(self, now_s: float) -> frozenset[str]:
        """Name those who bring more than their share."""
        self._forget(now_s)
        others = len(self._total) - 1
        if not self._times or others < 1:
            return frozenset()
        whole = self._total.total()
        return frozenset(
            lane
            for lane, count in self._total.items()
            if count > FEW and count * others > self._times * (whole - count)
        )

    def _forget(self, now_s: float) -> None:
        while self._seconds and self._seconds[0][0] <= now_s - WINDOW_S:
            self._total -= self._seconds.popleft()[1]


def _is_replay(record: Record) -> bool:
    return any(name == REPLAY_FOR for name, _ in record.headers)
