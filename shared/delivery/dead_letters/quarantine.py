"""Counts unreadable records, and quarantines lines until an operator resumes them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import rows_as_columns, source, statement
from shared.delivery.kafka.record import Record, Rejected

LINE_IN_KEY = re.compile(rb"\d{1,10}:\d{1,10}(?=:|$)")
LONGEST_LINE = 255  # bytes
LONGEST_DETAIL = 2_000  # characters
# After 10 times the limit of unreadable records in a row, from several lines, the worker itself is
# considered faulty.
EVERYTHING = 10
SEVERAL_LINES = 3
MOST_RUNS = 10_000  # lines that are counted at a time


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A line whose records are no longer decoded, and the error of the last one."""

    line: str
    reason: str
    detail: str


INSERT = statement(f"""
INSERT INTO "Quarantines" (service, line, reason, detail)
SELECT :service, b.* FROM {source(Quarantine)}
ON CONFLICT (service, line) DO NOTHING
""")


class EverythingUnreadableError(Exception):
    """Records of several lines are unreadable, so this worker is probably faulty."""


def find_line(record: Record) -> str:
    """Return the line that a record's key names: `companyId:whatsappId`, else the whole key.

    Evolution's records have the instance as key. Records of a topic without a usable key
    count as one line with the name of the topic.
    """
    key = record.key or b""
    if match := LINE_IN_KEY.match(key):
        return match.group().decode()
    is_usable = bool(key) and len(key) <= LONGEST_LINE and b"\x00" not in key
    try:
        return key.decode() if is_usable else record.topic
    except UnicodeDecodeError:
        return record.topic


def make_storable(text: str) -> str:
    """Return a detail without NUL and lone surrogates, cut to 2,000 characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:LONGEST_DETAIL]


class UnreadableRuns:
    """Counts unreadable records in a row, of each line and of all lines together.

    `limit` is how many of them quarantine a line; 0 counts nothing. After the worker has decoded
    any record, it quarantines lines but never halts.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_line: Counter[str] = Counter()
        self._all = 0
        self._lines: set[str] = set()
        self._has_read = False

    def copy(self) -> "UnreadableRuns":
        """Return a copy for a batch, whose transaction may be rolled back."""
        other = UnreadableRuns(self._limit)
        other._by_line, other._all = self._by_line.copy(), self._all
        other._lines, other._has_read = set(self._lines), self._has_read
        return other

    def note_readable(self, record: Record) -> None:
        """End the run of a record's line, and of all lines together."""
        self._all, self._has_read = 0, True
        if self._by_line:
            self._by_line.pop(find_line(record), None)
            self._lines.clear()

    def count_unreadable(self, record: Record, rejected: Rejected) -> Quarantine | None:
        """Count a record; return the quarantine of its line if the run is long enough.

        Raises EverythingUnreadableError if several lines are unreadable and nothing was readable
        since the start.
        """
        if not self._limit:
            return None
        line = find_line(record)
        self._all += 1
        self._lines.add(line)
        is_long = self._all >= EVERYTHING * self._limit
        if is_long and len(self._lines) >= SEVERAL_LINES and not self._has_read:
            raise EverythingUnreadableError(self._describe(rejected))
        if len(self._by_line) >= MOST_RUNS:
            self._by_line.clear()
        self._by_line[line] += 1
        if self._by_line[line] < self._limit:
            return None
        del self._by_line[line]
        return Quarantine(line, rejected.reason, make_storable(rejected.detail))

    def _describe(self, rejected: Rejected) -> str:
        return (
            f"the last {self._all:,} records, of {len(self._lines)} lines, were all unreadable "
            f"({rejected.reason}: {rejected.detail}); upgrade this worker, or correct what "
            "publishes them, and start it again; with CHATIA_QUARANTINE_AFTER=0 they all become "
            "dead letters"
        )


def describe_resume(line: str) -> str:
    """Return the detail of a quarantined record, which names the command that resumes its line."""
    return f"line {line} is quarantined; `chatia resume {line}` lifts it and replays this"


async def save(conn: AsyncConnection, service: str, quarantines: Sequence[Quarantine]) -> None:
    """Insert the quarantines of a batch; lines that are quarantined already stay so."""
    await conn.execute(INSERT, {"service": service, **rows_as_columns(quarantines, Quarantine)})
