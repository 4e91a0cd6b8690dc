from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from typing_extensions import override

from shared.demo import watch
from shared.demo.gauges import Gauges, Reading
from shared.demo.watch import QUIET_S, STALLED_S, Ending, Progress, Wait

STAGES = ("contacts", "tickets", "messages", "campaigns")
NOTHING = Reading(
    told=dict.fromkeys(STAGES, 0), lag=dict.fromkeys(STAGES, 0), rows={"messages": 0}, tickets={}
)
DONE = replace(NOTHING, told=dict.fromkeys(STAGES, 5), rows={"messages": 5}, tickets={"pending": 2})
WAIT = Wait(rows={"messages": 5}, told_sends=5, limit_s=300)


def progress() -> Progress:
    return Progress(WAIT, NOTHING, at=0.0)


def test_it_settles_when_all_is_there_and_nothing_has_moved_for_a_while() -> None:
    watched = progress()
    assert watched.take(DONE, 1.0) is None
    assert watched.take(DONE, 1.0 + QUIET_S - 0.1) is None
    assert watched.take(DONE, 1.0 + QUIET_S) is Ending.SETTLED


@pytest.mark.parametrize(
    "unfinished",
    [
        pytest.param(replace(DONE, rows={"messages": 4}), id="a row is missing"),
        pytest.param(replace(DONE, told={**DONE.told, "campaigns": 4}), id="a send is missing"),
        pytest.param(replace(DONE, lag={**DONE.lag, "tickets": 1}), id="a service lags behind"),
    ],
)
def test_it_waits_for_what_is_missing_until_nothing_moves_any_more(unfinished: Reading) -> None:
    watched = progress()
    watched.take(unfinished, 1.0)
    assert watched.take(unfinished, STALLED_S) is None
    assert watched.take(unfinished, 1.0 + STALLED_S) is Ending.STALLED


def test_it_ends_at_the_time_limit_although_something_moves() -> None:
    moving = replace(DONE, rows={"messages": 3})
    assert progress().take(moving, WAIT.limit_s) is Ending.TIME_LIMIT


def test_rates_are_those_of_the_last_reading() -> None:
    watched = progress()
    watched.take(DONE, 0.5)
    assert watched.rates["tickets"] == 10


class ReadingsInTurn(Gauges):
    """Gauges that give prepared readings, and the last one for ever."""

    def __init__(self, *readings: Reading) -> None:
        self._readings = list(readings)

    @override
    async def read(self) -> Reading:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_it_shows_its_readings_and_says_why_it_ended(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.001)
    monkeypatch.setattr(watch, "QUIET_S", 0.05)
    console = Console(file=StringIO(), force_terminal=is_terminal, width=140)
    ending = await watch.watch(ReadingsInTurn(NOTHING, DONE), WAIT, console)
    assert ending is Ending.SETTLED
    assert isinstance(console.file, StringIO)
    assert "pending 2" in console.file.getvalue()
