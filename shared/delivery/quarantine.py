"""Lines whose records are all unreadable: no longer tried until an operator lifts it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import all_columns, statement
from shared.delivery.decode import Record, Rejected

LINE_IN_KEY = re.compile(rb"\d{1,10}:\d{1,10}(?=:|$)")
LONGEST_LINE = 255  # bytes
LONGEST_DETAIL = 2_000  # characters
EVERYTHING = 10  # times the run of one line, over several lines: then it is we who cannot read
SEVERAL_LINES = 3
MOST_RUNS = 10_000  # lines that are watched at a time

INSERT = statement("""
INSERT INTO "Quarantines" (service, line, reason, detail)
SELECT :service, b.* FROM unnest(CAST(:line AS text[]), CAST(:reason AS text[]),
                                 CAST(:detail AS text[])) AS b
ON CONFLICT (service, line) DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A line that is no longer read, and what was wrong with the last record that was."""

    line: str
    reason: str
    detail: str


class EverythingUnreadableError(Exception):
    """So many records of several lines were unreadable that the fault must be on this side."""


def line_of(record: Record) -> str:
    """Name who a record comes from, readable or not: `companyId:whatsappId`, else the key.

    Evolution's own records carry the instance as their key. Without a usable key it is the topic:
    its records without a key are one line.
    """
    key = record.key or b""
    if found := LINE_IN_KEY.match(key):
        return found.group().decode()
    named = bool(key) and len(key) <= LONGEST_LINE and b"\x00" not in key
    try:
        return key.decode() if named else record.topic
    except UnicodeDecodeError:
        return record.topic


def storable_text(text: str) -> str:
    """Make a detail fit for a text column, whatever was quoted in it: no NUL, no half of a pair."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:LONGEST_DETAIL]


class Runs:
    """Counts unreadable records in a row, of each line and of all lines together.

    `limit` is the length of a line's run that quarantines it; 0 counts nothing. A worker that has
    read anything since its start can read: then it is the lines that are quarantined.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of: Counter[str] = Counter()
        self._all = 0
        self._lines: set[str] = set()
        self._has_read = False

    def copy(self) -> "Runs":
        """Give the counts to a batch, which may be rolled back."""
        other = Runs(self._limit)
        other._of, other._all, other._lines = self._of.copy(), self._all, set(self._lines)
        other._has_read = self._has_read
        return other

    def readable(self, record: Record) -> None:
        """End the runs that this record is not part of."""
        self._all, self._has_read = 0, True
        if self._of:
            self._of.pop(line_of(record), None)
            self._lines.clear()

    def unreadable(self, record: Record, why: Rejected) -> Quarantine | None:
        """Count a record; gives the quarantine that it leads to.

        Raises EverythingUnreadableError where nothing was readable since the start, in several
        lines.
        """
        if not self._limit:
            return None
        line = line_of(record)
        self._all += 1
        self._lines.add(line)
        is_long = self._all >= EVERYTHING * self._limit
        if is_long and len(self._lines) >= SEVERAL_LINES and not self._has_read:
            raise EverythingUnreadableError(self._sentence(why))
        if len(self._of) >= MOST_RUNS:
            self._of.clear()
        self._of[line] += 1
        if self._of[line] < self._limit:
            return None
        del self._of[line]
        return Quarantine(line, why.reason, storable_text(why.detail))

    def _sentence(self, why: Rejected) -> str:
        return (
            f"the last {self._all:,} records, of {len(self._lines)} lines, were all unreadable "
            f"({why.reason}: {why.detail}); upgrade this worker, or set right who publishes, "
            "and start it again; with CHATIA_QUARANTINE_AFTER=0 they all become dead letters"
        )


def lifting(line: str) -> str:
    """Say what a quarantined record waits for."""
    return f"line {line} is quarantined; `chatia resume {line}` lifts it and replays this"


async def save(conn: AsyncConnection, service: str, found: Sequence[Quarantine]) -> None:
    """Keep the quarantines of a batch."""
    await conn.execute(INSERT, {"service": service, **all_columns(found, Quarantine)})
