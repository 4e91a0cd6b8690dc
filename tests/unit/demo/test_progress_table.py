from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from typing_extensions import override

from shared.dev.demo import progress_table
from shared.dev.demo.metrics import Metrics, MetricsReader
from shared.dev.demo.progress_table import QUIET_S, STALLED_S, Ending, Progress, Target

STAGES = ("contacts", "tickets", "messages", "campaigns")
NOTHING = Metrics(
    published=dict.fromkeys(STAGES, 0),
    lag=dict.fromkeys(STAGES, 0),
    rows={"messages": 0},
    tickets={},
)
DONE = replace(
    NOTHING, published=dict.fromkeys(STAGES, 5), rows={"messages": 5}, tickets={"pending": 2}
)
TARGET = Target(rows={"messages": 5}, published_sends=5, limit_s=300)


def build_progress() -> Progress:
    return Progress(TARGET, NOTHING, at=0.0)


def test_a_complete_run_settles_after_a_time_without_change() -> None:
    progress = build_progress()
    assert progress.update(DONE, 1.0) is None
    assert progress.update(DONE, 1.0 + QUIET_S - 0.1) is None
    assert progress.update(DONE, 1.0 + QUIET_S) is Ending.SETTLED


@pytest.mark.parametrize(
    "unfinished",
    [
        pytest.param(replace(DONE, rows={"messages": 4}), id="a row is missing"),
        pytest.param(
            replace(DONE, published={**DONE.published, "campaigns": 4}), id="a send is missing"
        ),
        pytest.param(replace(DONE, lag={**DONE.lag, "tickets": 1}), id="a service lags behind"),
    ],
)
def test_an_incomplete_run_is_stalled_after_a_longer_time_without_change(
    unfinished: Metrics,
) -> None:
    progress = build_progress()
    progress.update(unfinished, 1.0)
    assert progress.update(unfinished, STALLED_S) is None
    assert progress.update(unfinished, 1.0 + STALLED_S) is Ending.STALLED


def test_watching_ends_at_the_time_limit_in_spite_of_changes() -> None:
    moving = replace(DONE, rows={"messages": 3})
    assert build_progress().update(moving, TARGET.limit_s) is Ending.TIME_LIMIT


def test_rates_are_computed_from_the_last_metrics() -> None:
    progress = build_progress()
    progress.update(DONE, 0.5)
    assert progress.rates["tickets"] == 10


class PreparedMetrics(MetricsReader):
    """Returns the given metrics in turn, then the last ones."""

    def __init__(self, *metrics: Metrics) -> None:
        self._metrics = list(metrics)

    @override
    async def read(self) -> Metrics:
        return self._metrics.pop(0) if len(self._metrics) > 1 else self._metrics[0]


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_watching_shows_metrics_and_returns_why_it_ended(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress_table, "INTERVAL_S", 0.001)
    monkeypatch.setattr(progress_table, "QUIET_S", 0.05)
    console = Console(file=StringIO(), force_terminal=is_terminal, width=140)
    ending = await progress_table.watch(PreparedMetrics(NOTHING, DONE), TARGET, console)
    assert ending is Ending.SETTLED
    assert isinstance(console.file, StringIO)
    assert "pending 2" in console.file.getvalue()


async def test_without_a_terminal_a_line_says_how_many_rows_there_are_of_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_table, "INTERVAL_S", 0.001)
    monkeypatch.setattr(progress_table, "PRINT_INTERVAL_S", 0.0)
    monkeypatch.setattr(progress_table, "QUIET_S", 0.02)
    half = replace(NOTHING, rows={"messages": 2}, lag={**NOTHING.lag, "messages": 3})
    console = Console(file=StringIO(), width=40)
    await progress_table.watch(PreparedMetrics(NOTHING, half, DONE), TARGET, console)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "  0 s: messages 2 of 5; waiting 3; tickets: none yet"
    assert lines[-1] == "  0 s: messages 5 of 5; waiting 0; tickets: pending 2"
