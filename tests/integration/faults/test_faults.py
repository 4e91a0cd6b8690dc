"""A short run of fault injection: no finding for the product, and seeded bugs are found."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from shared.embedded.servers import Servers
from tests.faults.__main__ import fresh_servers
from tests.faults.crash_points import AFTER_COMMIT, BEFORE_COMMIT, POINTS
from tests.faults.findings import LOST, TWICE, WRONG
from tests.faults.rounds import Outcome, start_round_runner

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

THEMES = ("deaths", "zombies", "database", "frozen database")
SEEDED_BUGS = {
    "publish-before-commit": (f"all die {BEFORE_COMMIT}", {TWICE, WRONG}),
    "claim-without-outbox": (f"all die {AFTER_COMMIT}", {LOST}),
    "no-sequence-check": (f"all die {POINTS[3]}", {TWICE}),
    "outbox-never-cleared": ("quiet restart", {TWICE, LOST}),
    "contents-refused": ("deaths", {WRONG}),
    "contents-not-routed": ("deaths", {WRONG}),
}
TRIES = 3  # rounds; a crash may come where publishing again does no harm
SEED = "a short run"
PATIENCE_S = 45.0
SEEDED_PATIENCE_S = 12.0


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start a broker and a database for these tests alone, since they are stopped and killed."""
    folder: Path = tmp_path_factory.mktemp("faults")
    with fresh_servers(folder / "servers") as servers:
        yield servers


async def run_rounds(
    servers: Servers,
    list_themes: Sequence[str],
    seeded_bug: str | None,
    until: Collection[str] = (),
) -> list[Outcome]:
    """Run rounds of these themes, until there is a finding of these kinds."""
    processes, patience_s = (1, SEEDED_PATIENCE_S) if seeded_bug else (2, PATIENCE_S)
    outcomes: list[Outcome] = []
    async with start_round_runner(servers, processes, patience_s, seeded_bug) as runner:
        for number, theme in enumerate(list_themes, 1):
            outcomes.append(await runner.run_round(number, f"{SEED}/{number}", theme))
            if not outcomes[-1].counts.keys().isdisjoint(until):
                break
    return outcomes


def test_nothing_is_lost_or_doubled_by_faults(own_servers: Servers) -> None:
    outcomes = asyncio.run(run_rounds(own_servers, THEMES, None))
    assert [outcome.findings for outcome in outcomes] == [[]] * len(THEMES)
    assert all(sum(outcome.faults.values()) for outcome in outcomes)


@pytest.mark.parametrize("seeded_bug", SEEDED_BUGS)
def test_a_seeded_bug_is_found(own_servers: Servers, seeded_bug: str) -> None:
    theme, kinds = SEEDED_BUGS[seeded_bug]
    outcomes = asyncio.run(run_rounds(own_servers, (theme,) * TRIES, seeded_bug, until=kinds))
    assert kinds & set(outcomes[-1].counts), outcomes
