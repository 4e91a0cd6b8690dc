"""`chatia dead-letters` on many letters: they are counted, replayed and discarded by filters."""

import re
from collections import Counter
from typing import Any

import pytest
import pytest_asyncio

from tests.support import world
from tests.support.build import received
from tests.support.dead_letters import (
    KEY,
    build_body,
    load_dead_letters,
    load_wids,
    publish_rejected,
    run,
    run_for_json,
)
from tests.support.deployment import Deployment, Record

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

UNDER_WAY = """\
Still under way: 1 of 1 letters; their workers take them when they run. \
`chatia dead-letters summary` shows what became of them.
"""


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


async def test_a_dry_run_changes_nothing(flow: Deployment) -> None:
    dead_letter_id = await publish_rejected(flow, b"not json")
    before = await load_dead_letters(flow)
    assert await run_for_json(flow, "replay", "--company", "1", "--dry-run") == {
        "replayed": [dead_letter_id],
        "settledBefore": [],
        "dryRun": True,
    }
    assert (await run(flow, "discard", str(dead_letter_id), "--dry-run")).answer == (
        f"Would be discarded: 1 ({dead_letter_id}).\n"
    )
    await flow.settled()
    assert await load_dead_letters(flow) == before


async def test_filters_choose_what_is_replayed_and_all_confirms_it(flow: Deployment) -> None:
    for wid in ("A1", "A2", "A3"):
        await flow.publish(flow.record(received(wid, whatsapp_id=11)))
    await publish_rejected(flow, b"not json")
    await world.line(flow, 11, 1)
    chosen = ("replay", "--reason", "unknown-line", "--service", "contacts", "--company", "1")
    asked = await run(flow, *chosen)
    assert (asked.code, asked.complaint) == (
        2,
        "This would replay 3 letters: add --all to say yes.\n",
    )
    done = await run(flow, *chosen, "--topic", "message.received", "--all")
    assert done.answer.startswith("Replayed: 3 (")
    assert re.search(r"^applied +- +3 +\d+, \d+, \d+ *$", done.answer, re.MULTILINE)
    await flow.settled()
    assert await load_wids(flow) == ["A1", "A2", "A3"]
    assert {
        (dead_letter["reason"], dead_letter["status"])
        for dead_letter in await load_dead_letters(flow)
    } == {
        ("unknown-line", "resolved"),
        ("unreadable-body", "open"),
    }


async def test_300_letters_are_counted_their_cause_is_mended_and_each_is_settled(
    flow: Deployment,
) -> None:
    unreadable = Record(flow.topic("message.received"), KEY, b"not json")
    for number in range(50):
        late = [received(f"L{number}.{i}", whatsapp_id=11) for i in range(4)]
        lost = received(f"N{number}", whatsapp_id=12)
        await flow.publish_at_once([*map(flow.record, late), unreadable, flow.record(lost)])
    await flow.settled()
    assert count(await run_for_json(flow, "summary", "--by", "reason")) == [
        {"reason": "unknown-line", "open": 250},
        {"reason": "unreadable-body", "open": 50},
    ]

    await world.line(flow, 11, 1)  # and line 12 is still unknown
    tried = await run(flow, "replay", "--reason", "unknown-line", "--all", "--json")
    assert (tried.code, tried.complaint) == (1, "Not applied: 50 of 250 letters.\n")
    outcomes = Counter(
        (outcome["outcome"], outcome.get("reason")) for outcome in tried.json["outcomes"]
    )
    assert outcomes == {("applied", None): 200, ("rejected-again", "unknown-line"): 50}
    await world.line(flow, 12, 1)
    mended = await run(flow, "replay", "--reason", "unknown-line", "--all")
    assert (mended.code, mended.answer.splitlines()[-1].split()[:3]) == (0, ["applied", "-", "50"])
    discarded = await run(flow, "discard", "--reason", "unreadable-body", "--all", "--by", "rui")
    assert (discarded.code, discarded.answer[:15]) == (0, "Discarded: 50 (")

    assert count(await run_for_json(flow, "summary", "--by", "reason")) == [
        {"reason": "unknown-line", "resolved": 250},
        {"reason": "unreadable-body", "discarded": 50},
    ]
    await flow.settled()
    assert len(await load_wids(flow)) == 250


def count(summary: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the numbers of letters that are not 0."""
    times = ("oldest", "newest")
    return [{n: value for n, value in row.items() if value and n not in times} for row in summary]


async def test_a_replay_that_nobody_reads_is_still_under_way(flow: Deployment) -> None:
    """Its service does not exist, so its record is skipped by the others."""
    dead_letter_id = str(await publish_rejected(flow, b"not json"))
    await flow.sql("""UPDATE "DeadLetters" SET service = 'nobody'""")
    waited = await run(flow, "replay", dead_letter_id, "--timeout", "0.5")
    assert (waited.code, waited.complaint) == (
        3,
        UNDER_WAY,
    )
    assert re.search(rf"^still under way +- +1 +{dead_letter_id} *$", waited.answer, re.MULTILINE)
    assert (await run(flow, "replay", dead_letter_id, "--no-wait")).code == 0


async def test_letters_that_cannot_be_replayed_are_left_out_of_many(flow: Deployment) -> None:
    first = await publish_rejected(flow, b"not json")
    second = await publish_rejected(flow, build_body(whatsapp_id=11))
    await flow.sql(
        """UPDATE "DeadLetters" SET reason = 'too-large', body = NULL WHERE id = :id""", id=first
    )
    await world.line(flow, 11, 1)
    would = await run(flow, "replay", "--all", "--dry-run")
    assert would.answer.startswith(f"Would be replayed: 1 ({second}).\n")
    assert re.search(rf"^left out +too-large +1 +{first} *$", would.answer, re.MULTILINE)
    tried = await run(flow, "replay", "--all", "--json")
    assert (tried.code, tried.complaint) == (1, "Not applied: 1 of 2 letters.\n")
    assert tried.json["outcomes"] == [
        {
            "id": first,
            "outcome": "left-out",
            "reason": "too-large",
            "detail": "the body was too large to be kept, and --edit has to give one",
        },
        {"id": second, "outcome": "applied"},
    ]
    assert [row["status"] for row in await load_dead_letters(flow)] == ["open", "resolved"]
