"""Which backups are kept: the newest one of each of the last days, weeks and months; pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

PART = re.compile(r"(\d+)([dwm])")
EXAMPLE = "7d,4w,12m"


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days, weeks and months have a backup that is kept."""

    days: int = 0
    weeks: int = 0
    months: int = 0

    @classmethod
    def parse(cls, written: str) -> Self:
        """Parse such as `7d,4w,12m`; raises ValueError for anything else."""
        found: dict[str, int] = {}
        for part in written.replace(" ", "").split(","):
            match = PART.fullmatch(part)
            if match is None or match[2] in found:
                msg = f"{written!r} is not such as {EXAMPLE}: days, weeks and months to keep"
                raise ValueError(msg)
            found[match[2]] = int(match[1])
        if not any(found.values()):
            msg = f"{written!r} keeps nothing"
            raise ValueError(msg)
        return cls(found.get("d", 0), found.get("w", 0), found.get("m", 0))


def choose_kept(times: Sequence[datetime], keep: Keep) -> set[datetime]:
    """Return the times of the backups that are kept; always with the newest one.

    Only days, weeks and months with a backup count, so that nothing goes while none is made. The
    times are in UTC, and so are days; weeks begin on Monday.
    """
    newest_first = sorted(times, reverse=True)
    kept = set(newest_first[:1])
    periods: tuple[tuple[int, Callable[[datetime], tuple[int, ...]]], ...] = (
        (keep.days, lambda at: (at.year, at.month, at.day)),
        (keep.weeks, lambda at: tuple(at.isocalendar())[:2]),
        (keep.months, lambda at: (at.year, at.month)),
    )
    for number, period in periods:
        newest: dict[tuple[int, ...], datetime] = {}
        for at in newest_first:
            newest.setdefault(period(at), at)
        kept.update(list(newest.values())[:number])
    return kept
