"""A short run of `python -m tests.faults.expensive`: no record costs more than it may."""

import asyncio

import pytest

from tests.faults.expensive import plants
from tests.faults.expensive.children import measure
from tests.faults.expensive.payloads import Recipe, payload
from tests.faults.expensive.published import stand
from tests.faults.expensive.report import judged
from tests.faults.expensive.search import LIMIT_S, Again, climb
from tests.faults.expensive.seeds import seeds
from tests.faults.expensive.watching import in_this_process
from tests.support.deployment import Deployment

PAYLOADS, WORST = 300, 8
UNTIL_FOUND = 1_500
EVERY = 7  # seeds
HELD_S = 15.0  # other tests run beside this one; CPU seconds are measured apart from that


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="module")
async def test_no_record_of_a_short_search_is_over_a_limit(standing: Deployment) -> None:
    found = climb(PAYLOADS, "a short run")
    await asyncio.to_thread(measure, found, 1)  # the workers stand in this process
    worst = found.finalists(WORST, of_families=False)
    again = Again([m.recipe for m in found.suspects()])
    await asyncio.to_thread(measure, again, 1)
    report = judged([*worst, *again.measured], Again(()), found.learned, found.raised, found.ends)
    with in_this_process() as seen:
        async with stand(standing, seen) as standing_by:
            report.outcomes = await standing_by.publish(report.recipes)
    assert report.troubles(HELD_S) == []
    assert found.learned == PAYLOADS
    assert len(report.outcomes) >= WORST // 2


def test_a_planted_quadratic_function_is_found() -> None:
    found = climb(UNTIL_FOUND, "planted", ["posted/wppconnect"])
    planted = f"{plants.__name__}:{plants.slow_texts.__name__}"
    measure(found, 1, planted, stop=lambda: bool(found.over), hard_stop_s=3 * LIMIT_S)
    assert found.over
    assert found.learned < UNTIL_FOUND


def test_a_recipe_makes_the_same_record_again() -> None:
    for number, seed in enumerate(sorted(seeds())[::EVERY]):
        recipe = Recipe(seed, (number, 7 * number + 1, 2**40 - number), 2_000)
        again = Recipe.read(str(recipe))
        assert again == recipe
        assert payload(again) == payload(recipe)
