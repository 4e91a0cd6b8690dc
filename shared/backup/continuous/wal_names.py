"""Positions and segments of the WAL, and the timelines on which they are; pure.

A position is a number of bytes; Postgres writes it as `16/B374D848`. A segment is a file of the
WAL; its name is the timeline and the number of the segment, in hex.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

POSITION = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"([0-9A-F]{8})\.history")
HISTORY_LINE = re.compile(r"\s*(\d+)\s+([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})(?:\s|$)")
BYTES_OF_LOG = 2**32  # the last eight digits count the segments of four gigabytes


def parse_position(written: str) -> int:
    """Return a position in bytes; raises ValueError for what is none."""
    match = POSITION.fullmatch(written)
    if match is None:
        msg = f"{written!r} is not a position of the WAL, such as 16/B374D848"
        raise ValueError(msg)
    return (int(match[1], 16) << 32) + int(match[2], 16)


def format_position(position: int) -> str:
    """Return a position as Postgres writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A file of the WAL: the `number`th of its server, counted over all timelines."""

    number: int
    timeline: int

    def build_name(self, segment_bytes: int) -> str:
        """Return the name of the file."""
        log, place = divmod(self.number, BYTES_OF_LOG // segment_bytes)
        return f"{self.timeline:08X}{log:08X}{place:08X}"


def parse_segment(name: str, segment_bytes: int) -> Segment | None:
    """Return the segment of a name; None if it is the name of another file."""
    if not SEGMENT.fullmatch(name):
        return None
    timeline, log, place = (int(name[at : at + 8], 16) for at in (0, 8, 16))
    return Segment(log * (BYTES_OF_LOG // segment_bytes) + place, timeline)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The timelines that lead to the last one: each with the position at which it begins."""

    begins: Sequence[tuple[int, int]]

    @property
    def last(self) -> int:
        """Return the last timeline."""
        return self.begins[-1][0]

    def find_timeline(self, number: int, segment_bytes: int) -> int:
        """Return the timeline from which a segment is read."""
        return next(
            timeline
            for timeline, begin in reversed(self.begins)
            if begin // segment_bytes <= number
        )


def parse_lineage(timeline: int, history: str) -> Lineage:
    """Return the lineage of a timeline by its history file, which lists those before it."""
    begins, begin = [], 0
    for line in history.splitlines():
        if match := HISTORY_LINE.match(line):
            begins.append((int(match[1]), begin))
            begin = parse_position(match[2])
    return Lineage((*begins, (timeline, begin)))


def choose_lineage(timeline: int, stop: int, histories: Mapping[int, str]) -> Lineage:
    """Return the lineage to the newest timeline that a base backup can follow.

    The backup ended at `stop` on `timeline`; `histories` are history files by their timeline.
    """
    for newest in sorted(histories, reverse=True):
        lineage = parse_lineage(newest, histories[newest])
        later = [begin for number, begin in lineage.begins if number > timeline]
        if timeline in dict(lineage.begins) and all(begin >= stop for begin in later):
            return lineage
    return Lineage(((timeline, 0),))


@dataclass(frozen=True, slots=True)
class Run:
    """The segments from the first one on without a gap; `missing` is the first gap, if any.

    `segments` are in their order, empty if the first is not there. Segments after a gap are no use.
    """

    segments: Sequence[Segment]
    missing: Segment | None = None


def find_run(
    there: Collection[Segment], lineage: Lineage, first_number: int, segment_bytes: int
) -> Run:
    """Return the unbroken run of segments that begins with the `first_number`th."""
    wanted = {
        each
        for each in there
        if each.number >= first_number
        and each.timeline == lineage.find_timeline(each.number, segment_bytes)
    }
    last = max((each.number for each in wanted), default=first_number)
    found: list[Segment] = []
    for number in range(first_number, last + 1):
        each = Segment(number, lineage.find_timeline(number, segment_bytes))
        if each not in wanted:
            return Run(found, each)
        found.append(each)
    return Run(found)
