"""`chatia dead-letters` with workers: a record is listed, edited, replayed and becomes a row."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery.app import Service, create_app
from shared.delivery.subscription import Subscription
from tests.support import world
from tests.support.build import CUSTOMER, received
from tests.support.dead_letters import (
    KEY,
    build_body,
    list_history,
    load_dead_letters,
    load_wids,
    publish_rejected,
    run,
    run_for_json,
)
from tests.support.deployment import Deployment, Record, deployment, running

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


async def test_an_unreadable_record_is_listed_edited_replayed_and_becomes_a_row(
    flow: Deployment, tmp_path: Path
) -> None:
    broken = build_body().replace(b'"wid":"A1",', b"")
    dead_letter_id = await publish_rejected(flow, broken, headers=(("x", b"\xff"),))

    (listed,) = await run_for_json(flow, "list")
    assert (listed["id"], listed["service"], listed["reason"], listed["status"]) == (
        dead_letter_id,
        "contacts",
        "unreadable-body",
        "open",
    )
    shown = await run(flow, "show", str(dead_letter_id), "--body")
    assert shown.answer.encode() == broken

    edited = tmp_path / "mended.json"
    edited.write_bytes(build_body())
    given = ("replay", str(dead_letter_id), "--edit", str(edited), "--by", "joão")
    assert await run_for_json(flow, *given) == {
        "replayed": [dead_letter_id],
        "settledBefore": [],
        "dryRun": False,
        "outcomes": [{"id": dead_letter_id, "outcome": "applied"}],
    }
    await flow.settled()

    assert await load_wids(flow) == ["A1"]
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["attempts"]) == ("resolved", 1)
    assert list_history(dead_letter) == [("replayed", "joão"), ("resolved", None)]
    assert dead_letter["history"][0]["edited"] is True
    assert await run_for_json(flow, "list") == []


async def test_a_body_that_was_too_large_is_replayed_only_with_edit(
    flow: Deployment, tmp_path: Path
) -> None:
    dead_letter_id = str(await publish_rejected(flow, b"not json"))
    await flow.sql("""UPDATE "DeadLetters" SET reason = 'too-large', body = NULL""")
    refused = await run(flow, "replay", dead_letter_id)
    assert (refused.code, (await load_dead_letters(flow))[0]["status"]) == (4, "open")
    assert "the body was too large to be kept, and --edit has to give one" in refused.complaint
    edited = tmp_path / "mended.json"
    edited.write_bytes(build_body())
    assert (await run(flow, "replay", dead_letter_id, "--edit", str(edited))).code == 0
    await flow.settled()
    assert await load_wids(flow) == ["A1"]


async def test_a_record_that_is_replayed_twice_takes_effect_once(
    flow: Deployment, tmp_path: Path
) -> None:
    dead_letter_id = str(await publish_rejected(flow, b"not json"))
    edited = tmp_path / "mended.json"
    edited.write_bytes(build_body())
    for _ in range(2):
        replay = ("replay", dead_letter_id, "--edit", str(edited), "--no-wait")
        assert (await run(flow, *replay)).code == 0
    await flow.settled()
    published = len(await flow.facts("ticket.changed"))
    after = await run_for_json(flow, "replay", dead_letter_id)
    await flow.settled()

    assert after == {
        "replayed": [],
        "settledBefore": [int(dead_letter_id)],
        "dryRun": False,
        "outcomes": [],
    }
    assert await load_wids(flow) == ["A1"]
    assert len(await flow.facts("message.identified")) == 1
    assert len(await flow.facts("ticket.changed")) == published
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["attempts"]) == ("resolved", 1)


async def test_a_copy_of_a_replay_changes_nothing(flow: Deployment) -> None:
    """The command crashed after publishing, and was run again."""
    await flow.publish(flow.record(received("A1", whatsapp_id=11)))
    await flow.settled()
    (dead_letter,) = await load_dead_letters(flow)
    assert dead_letter["reason"] == "unknown-line"
    await world.line(flow, 11, 1)
    assert (await run(flow, "replay", str(dead_letter["id"]))).code == 0
    headers = (
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", str(dead_letter["id"]).encode()),
    )
    copy = Record(
        flow.topic("message.received"), f"1:11:{CUSTOMER}", build_body(whatsapp_id=11), headers
    )
    await flow.publish(copy, copy)
    await flow.settled()
    assert len(await flow.facts("message.identified")) == 1
    (dead_letter,) = await load_dead_letters(flow)
    assert list_history(dead_letter) == [("replayed", "ana"), ("resolved", None)]


async def test_a_replay_that_fails_again_counts_the_attempts_of_its_dead_letter(
    flow: Deployment, tmp_path: Path
) -> None:
    dead_letter_id = str(await publish_rejected(flow, b"not json"))
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(build_body(whatsapp_id=99))
    failed = await run(flow, "replay", dead_letter_id)
    assert (failed.code, failed.complaint) == (1, "Not applied: 1 of 1 letters.\n")
    assert [line.split() for line in failed.answer.splitlines()] == [
        ["Replayed:", "1", f"({dead_letter_id})."],
        ["outcome", "reason", "letters", "ids"],
        ["rejected", "again", "unreadable-body", "1", dead_letter_id],
    ]
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["attempts"], dead_letter["reason"]) == (
        "open",
        2,
        "unreadable-body",
    )
    failed = await run(flow, "replay", dead_letter_id, "--edit", str(wrong), "--json")
    (outcome,) = failed.json["outcomes"]
    assert (failed.code, outcome["outcome"], outcome["reason"]) == (
        1,
        "rejected-again",
        "unknown-line",
    )
    assert "line 99" in outcome["detail"]
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["attempts"], dead_letter["reason"]) == (
        "open",
        3,
        "unknown-line",
    )
    assert dead_letter["body"] == wrong.read_bytes()
    assert list_history(dead_letter) == [
        ("replayed", "ana"),
        ("failed", None),
        ("replayed", "ana"),
        ("failed", None),
    ]


async def test_headers_can_be_edited_and_a_record_without_a_key_is_replayed(
    flow: Deployment,
) -> None:
    unreadable = await publish_rejected(flow, build_body("A1"), headers=(("ce_type", b"\xff"),))
    mismatched = await publish_rejected(
        flow, build_body("A2"), key=None, headers=(("ce_companyid", b"2"),)
    )
    assert [dead_letter["reason"] for dead_letter in await load_dead_letters(flow)] == [
        "unreadable-header",
        "tenant-mismatch",
    ]
    assert (await run(flow, "replay", str(unreadable), "--header", "ce_type=")).code == 0
    assert (await run(flow, "replay", str(mismatched), "--header", "ce_companyid=1")).code == 0
    await flow.settled()
    assert await load_wids(flow) == ["A1", "A2"]
    assert {dead_letter["status"] for dead_letter in await load_dead_letters(flow)} == {"resolved"}


async def test_a_replay_of_an_unknown_type_keeps_its_dead_letter(flow: Deployment) -> None:
    dead_letter_id = str(await publish_rejected(flow, b"not json"))
    assert (await run(flow, "replay", dead_letter_id, "--header", "ce_type=else.v1")).code == 1
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["attempts"], dead_letter["reason"]) == (
        "open",
        2,
        "unknown-type",
    )


async def test_a_discarded_dead_letter_is_skipped_even_if_its_replay_was_published(
    flow: Deployment,
) -> None:
    dead_letter_id = await publish_rejected(
        flow, build_body("A1").replace(b'"companyId":1', b'"companyId":"?"')
    )
    gone = {"discarded": [dead_letter_id], "settledBefore": [], "dryRun": False}
    assert await run_for_json(flow, "discard", str(dead_letter_id), "--by", "rui") == gone
    headers = (
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", str(dead_letter_id).encode()),
    )
    await flow.publish(Record(flow.topic("message.received"), KEY, build_body("A1"), headers))
    await flow.settled()
    assert await load_wids(flow) == []
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], list_history(dead_letter)) == (
        "discarded",
        [("discarded", "rui")],
    )
    refused = await run(flow, "replay", str(dead_letter_id))
    assert (refused.code, refused.complaint) == (
        4,
        f"Already discarded, so nothing was done: dead letter {dead_letter_id}.\n",
    )


async def test_forged_replay_headers_do_not_hide_a_record(flow: Deployment) -> None:
    dead_letter_id = await publish_rejected(flow, b"not json")
    topic = flow.topic("message.received")
    forged = [
        (b"contacts", b"999999"),
        (b"contacts", b"\xff\x00"),
        (b"contacts", b"9" * 5000),
        (b"nobody", str(dead_letter_id).encode()),
        (b"tickets", str(dead_letter_id).encode()),
        (b"contacts", str(dead_letter_id).encode()),
    ]
    await flow.publish(
        *[
            Record(
                topic,
                f"1:10:551190000000{number}",
                build_body(f"F{number}", chat=f"551190000000{number}"),
                (("chatia-replay-for", service), ("chatia-dead-letter-id", number_of_letter)),
            )
            for number, (service, number_of_letter) in enumerate(forged, 2)
        ]
    )
    await flow.settled()
    assert await load_wids(flow) == ["F2", "F3", "F4", "F5", "F6", "F7"]
    (dead_letter,) = await load_dead_letters(flow)
    assert (dead_letter["status"], dead_letter["history"]) == ("open", [])


@pytest_asyncio.fixture(loop_scope="module")
async def empty_deployment(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Run a deployment with empty topics, because a new service reads them from the start."""
    async with deployment(kafka_bootstrap, migrated_url) as started:
        await world.company(started, 1)
        await world.line(started, 10, 1)
        yield started


async def test_another_service_on_the_same_topic_skips_a_replay(
    empty_deployment: Deployment, tmp_path: Path
) -> None:
    flow = empty_deployment
    consumed: list[str] = []

    async def consume(_: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
        consumed.extend(message.wid for message in batch)
        return []

    listener = Service("listener", (Subscription((MessageReceived,), consume),), ())
    async with running(create_app(listener, flow.settings)):
        await publish_rejected(flow, b"not json")
        await flow.publish(flow.record(received("A1")))
        await wait_for_listener(flow)
        by_service = {
            dead_letter["service"]: dead_letter for dead_letter in await load_dead_letters(flow)
        }
        assert by_service.keys() == {"contacts", "listener"}
        edited = tmp_path / "mended.json"
        edited.write_bytes(build_body("A2"))
        dead_letter_id = str(by_service["contacts"]["id"])
        assert (await run(flow, "replay", dead_letter_id, "--edit", str(edited))).code == 0
        await flow.settled()
        await wait_for_listener(flow)
    assert consumed == ["A1"]
    assert await load_wids(flow) == ["A1", "A2"]
    assert {
        dead_letter["service"]: dead_letter["status"]
        for dead_letter in await load_dead_letters(flow)
    } == {
        "contacts": "resolved",
        "listener": "open",
    }


async def wait_for_listener(flow: Deployment) -> None:
    """Wait until the listener has consumed as much as contacts."""
    await flow.settled()
    await flow.until_none(
        'SELECT 1 FROM "Checkpoints" c LEFT JOIN "Checkpoints" l USING (topic, partition) '
        "WHERE c.service = 'contacts' AND l.service = 'listener' "
        'AND l."nextOffset" < c."nextOffset"'
    )


async def test_without_a_broker_nothing_is_marked(flow: Deployment) -> None:
    dead_letter_id = await publish_rejected(flow, b"not json")
    before = await load_dead_letters(flow)
    ended = await run(flow, "replay", str(dead_letter_id), KAFKA_BOOTSTRAP_SERVERS="[::1]:1")
    assert ended.code == 3
    assert ended.complaint.count("\n") == 1
    assert await load_dead_letters(flow) == before
