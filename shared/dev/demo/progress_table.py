"""Shows metrics while a run is in progress, and decides when to stop waiting."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.dev.demo.metrics import Metrics, MetricsReader

INTERVAL_S = 0.5
PRINT_INTERVAL_S = 1.0
QUIET_S = 2.0  # without change before a complete run has settled
STALLED_S = 45.0  # without change before waiting ends


class Ending(Enum):
    """Why watching ended."""

    SETTLED = "settled"
    STALLED = "nothing moves any more"
    TIME_LIMIT = "the time limit is reached"


@dataclass(frozen=True, slots=True)
class Target:
    """What to wait for: rows by table, sends on their topic, and at most how many seconds."""

    rows: Mapping[str, int]
    published_sends: int
    limit_s: float


class Progress:
    """Compares metrics over time; times are arguments."""

    def __init__(self, target: Target, first: Metrics, at: float) -> None:
        self.target = target
        self._began = self._moved = self._at = at
        self._last = first
        self.rates: dict[str, float] = dict.fromkeys(first.published, 0.0)

    def update(self, current: Metrics, at: float) -> Ending | None:
        """Take the next metrics; return why to stop waiting, None to continue."""
        passed = max(at - self._at, 1e-6)
        self.rates = {
            stage: (count - self._last.published.get(stage, 0)) / passed
            for stage, count in current.published.items()
        }
        if current != self._last:
            self._moved = at
        self._last, self._at = current, at
        quiet = at - self._moved
        if self._is_complete(current) and quiet >= QUIET_S:
            return Ending.SETTLED
        if quiet >= STALLED_S:
            return Ending.STALLED
        return Ending.TIME_LIMIT if at - self._began >= self.target.limit_s else None

    def _is_complete(self, current: Metrics) -> bool:
        has_all_rows = all(
            current.rows.get(name, 0) >= count for name, count in self.target.rows.items()
        )
        return (
            has_all_rows
            and current.published["campaigns"] >= self.target.published_sends
            and not any(current.lag.values())
        )


async def watch(metrics: MetricsReader, target: Target, console: Console) -> Ending:
    """Show metrics until the run ends; as a table on a terminal, else as lines."""
    first = await metrics.read()
    progress = Progress(target, first, time.monotonic())
    if not console.is_terminal:
        return await _watch_without_terminal(metrics, progress, console)
    with Live(_build_table(first, progress), console=console, refresh_per_second=4) as live:
        while True:
            await asyncio.sleep(INTERVAL_S)
            current = await metrics.read()
            ending = progress.update(current, time.monotonic())
            live.update(_build_table(current, progress))
            if ending:
                return ending


async def _watch_without_terminal(
    metrics: MetricsReader, progress: Progress, console: Console
) -> Ending:
    began = printed_at = time.monotonic()
    while True:
        await asyncio.sleep(INTERVAL_S)
        current = await metrics.read()
        now = time.monotonic()
        ending = progress.update(current, now)
        if ending or now - printed_at >= PRINT_INTERVAL_S:
            printed_at = now
            line = _format_line(current, progress.target, now - began)
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if ending:
            return ending


def _format_line(current: Metrics, target: Target, seconds: float) -> str:
    """Return the rows so far and how many there will be, what services lag behind, and tickets."""
    rows = ", ".join(
        f"{name} {count:,}" + (f" of {target.rows[name]:,}" if name in target.rows else "")
        for name, count in current.rows.items()
    )
    lag = sum(current.lag.values())
    return f"{seconds:3.0f} s: {rows}; waiting {lag:,}; tickets: {_format_counts(current.tickets)}"


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none yet"


def _build_table(current: Metrics, progress: Progress) -> Group:
    table = Table(title="ChatIA Flow at work", title_justify="left", box=None)
    table.add_column("stage")
    for column in ("facts told", "events/s", "lag"):
        table.add_column(column, justify="right", min_width=10)
    for stage, count in current.published.items():
        table.add_row(stage, str(count), f"{progress.rates[stage]:.0f}", str(current.lag[stage]))
    counts = f"rows: {_format_counts(current.rows)}\ntickets: {_format_counts(current.tickets)}"
    return Group(table, Text(counts))
