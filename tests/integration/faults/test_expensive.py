"""A short run of `python -m tests.faults.expensive`: no record costs more than it may."""

import asyncio

import pytest

from tests.faults.expensive import seeded_bugs
from tests.faults.expensive.children import measure
from tests.faults.expensive.payloads import Recipe, build_payload
from tests.faults.expensive.published import open_publisher
from tests.faults.expensive.report import build_report
from tests.faults.expensive.search import LIMIT_S, Repetition, build_search
from tests.faults.expensive.seeds import load_seeds
from tests.faults.expensive.watch import observe_this_process
from tests.support.deployment import Deployment

PAYLOADS, WORST = 300, 8
UNTIL_FOUND = 6_000
EVERY = 7  # seeds
DELAY_S = 15.0  # long, since other tests may run beside this one; CPU is measured apart


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="module")
async def test_no_record_of_a_short_search_is_over_a_limit(standing: Deployment) -> None:
    found = build_search(PAYLOADS, "a short run")
    await asyncio.to_thread(measure, found, 1)  # the workers stand in this process
    worst = found.select_worst(WORST, of_families=False)
    again = Repetition([m.recipe for m in found.list_suspects()])
    await asyncio.to_thread(measure, again, 1)
    report = build_report(
        [*worst, *again.measured], Repetition(()), found.learned, found.raised, found.ends
    )
    with observe_this_process() as seen:
        async with open_publisher(standing, seen) as standing_by:
            report.outcomes = await standing_by.publish(report.recipes)
    assert report.list_problems(DELAY_S) == []
    assert found.learned == PAYLOADS
    assert len(report.outcomes) >= WORST // 2


def test_a_seeded_quadratic_function_is_found() -> None:
    found = build_search(UNTIL_FOUND, "planted", ["posted/wppconnect"])
    bug = f"{seeded_bugs.__name__}:{seeded_bugs.slow_down_texts.__name__}"
    measure(found, 1, bug, stop=lambda: bool(found.over), hard_stop_s=3 * LIMIT_S)
    assert found.over
    assert found.learned < UNTIL_FOUND


def test_a_recipe_builds_the_same_record_again() -> None:
    for number, seed in enumerate(sorted(load_seeds())[::EVERY]):
        recipe = Recipe(seed, (number, 7 * number + 1, 2**40 - number), 2_000)
        again = Recipe.read(str(recipe))
        assert again == recipe
        assert build_payload(again) == build_payload(recipe)
