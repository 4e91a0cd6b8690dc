"""A short run of the breaking suite: all is well with the product, and a planted bug is found."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from shared.embedded.servers import Servers
from tests.faults.__main__ import fresh_servers
from tests.faults.findings import LOST, TWICE, UNTRUE
from tests.faults.rounds import Outcome, arena
from tests.faults.traps import AFTER_COMMIT, BEFORE_COMMIT, POINTS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

THEMES = ("deaths", "zombies", "database")
PLANTS = {
    "publish-before-commit": (f"all die {BEFORE_COMMIT}", {TWICE, UNTRUE}),
    "take-over-without-outbox": (f"all die {AFTER_COMMIT}", {LOST}),
    "no-sequence-check": (f"all die {POINTS[3]}", {TWICE}),
    "outbox-never-cleared": ("quiet restart", {TWICE, LOST}),
}
TRIES = 3  # a worker may die when it has just told what does no harm if it is told again
SEED = "a short run"
PATIENCE_S = 45.0
PATIENCE_WITH_A_PLANT_S = 12.0


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start a broker and a database that no other test needs, for they are going to be broken."""
    folder: Path = tmp_path_factory.mktemp("faults")
    with fresh_servers(folder / "servers") as servers:
        yield servers


async def play(
    servers: Servers, themes: Sequence[str], plant: str | None, until: Collection[str] = ()
) -> list[Outcome]:
    """Play rounds of these themes, and no more once there is a finding of these kinds."""
    processes, patience_s = (1, PATIENCE_WITH_A_PLANT_S) if plant else (2, PATIENCE_S)
    outcomes: list[Outcome] = []
    async with arena(servers, processes, patience_s, plant) as stage:
        for number, theme in enumerate(themes, 1):
            outcomes.append(await stage.play(number, f"{SEED}/{number}", theme))
            if not outcomes[-1].counts.keys().isdisjoint(until):
                break
    return outcomes


def test_whatever_is_broken_nothing_is_lost_or_doubled(own_servers: Servers) -> None:
    outcomes = asyncio.run(play(own_servers, THEMES, None))
    assert [outcome.findings for outcome in outcomes] == [[]] * len(THEMES)
    assert all(sum(outcome.harm.values()) for outcome in outcomes)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(own_servers: Servers, plant: str) -> None:
    theme, kinds = PLANTS[plant]
    outcomes = asyncio.run(play(own_servers, (theme,) * TRIES, plant, until=kinds))
    assert kinds & set(outcomes[-1].counts), outcomes
