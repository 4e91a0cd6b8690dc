"""The live table: what each stage does in a second, how far behind it is, what has come of it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.demo.gauges import Gauges, Reading

EVERY_S = 0.5
PLAIN_EVERY_S = 2.0
QUIET_S = 2.0  # so long nothing may move before the run counts as settled
STALLED_S = 45.0  # so long nothing may move before waiting is given up


class Ending(Enum):
    """Why watching ended."""

    SETTLED = "settled"
    STALLED = "nothing moves any more"
    TIME_LIMIT = "the time limit is reached"


@dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for: rows by table, the number of sends on their topic, and how long at most."""

    rows: Mapping[str, int]
    told_sends: int
    limit_s: float


class Progress:
    """Judges readings as they come; it knows no clock, times are handed in."""

    def __init__(self, wait: Wait, first: Reading, at: float) -> None:
        self._wait = wait
        self._began = self._moved = self._at = at
        self._last = first
        self.rates: dict[str, float] = dict.fromkeys(first.told, 0.0)

    def take(self, reading: Reading, at: float) -> Ending | None:
        """Take the next reading; says when there is nothing more to wait for."""
        passed = max(at - self._at, 1e-6)
        self.rates = {
            stage: (count - self._last.told.get(stage, 0)) / passed
            for stage, count in reading.told.items()
        }
        if reading != self._last:
            self._moved = at
        self._last, self._at = reading, at
        quiet = at - self._moved
        if self._is_complete(reading) and quiet >= QUIET_S:
            return Ending.SETTLED
        if quiet >= STALLED_S:
            return Ending.STALLED
        return Ending.TIME_LIMIT if at - self._began >= self._wait.limit_s else None

    def _is_complete(self, reading: Reading) -> bool:
        arrived = all(reading.rows.get(name, 0) >= count for name, count in self._wait.rows.items())
        return (
            arrived
            and reading.told["campaigns"] >= self._wait.told_sends
            and not any(reading.lag.values())
        )


async def watch(gauges: Gauges, wait: Wait, console: Console) -> Ending:
    """Show the gauges until everything has settled; a table on a terminal, else plain lines."""
    first = await gauges.read()
    progress = Progress(wait, first, time.monotonic())
    if not console.is_terminal:
        return await _watch_plainly(gauges, progress, console)
    with Live(_table(first, progress), console=console, refresh_per_second=4) as live:
        while True:
            await asyncio.sleep(EVERY_S)
            reading = await gauges.read()
            ending = progress.take(reading, time.monotonic())
            live.update(_table(reading, progress))
            if ending:
                return ending


async def _watch_plainly(gauges: Gauges, progress: Progress, console: Console) -> Ending:
    said_at = 0.0
    while True:
        await asyncio.sleep(EVERY_S)
        reading = await gauges.read()
        ending = progress.take(reading, time.monotonic())
        if ending or time.monotonic() - said_at >= PLAIN_EVERY_S:
            said_at = time.monotonic()
            console.print(_line(reading, progress), markup=False, highlight=False, soft_wrap=True)
        if ending:
            return ending


def _line(reading: Reading, progress: Progress) -> str:
    stages = " ".join(
        f"{stage} {progress.rates[stage]:.0f}/s lag {reading.lag[stage]}" for stage in reading.told
    )
    return f"{stages} | {_listed(reading.rows)} | tickets: {_listed(reading.tickets)}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none yet"


def _table(reading: Reading, progress: Progress) -> Group:
    table = Table(title="ChatIA Flow at work", title_justify="left", box=None)
    table.add_column("stage")
    for column in ("facts told", "events/s", "lag"):
        table.add_column(column, justify="right", min_width=10)
    for stage, count in reading.told.items():
        table.add_row(stage, str(count), f"{progress.rates[stage]:.0f}", str(reading.lag[stage]))
    counts = f"rows: {_listed(reading.rows)}\ntickets: {_listed(reading.tickets)}"
    return Group(table, Text(counts))
