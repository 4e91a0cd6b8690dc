"""Dead letters from rubbish to rows, by the command line, a real Kafka and a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery.service import Service, create_app
from shared.delivery.subscription import Subscription
from tests.support import world
from tests.support.build import CUSTOMER, received
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment, Record, deployment, running

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

KEY = f"1:10:{CUSTOMER}"


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


async def run(flow: Deployment, *words: str, **variables: str) -> Ended:
    """Run `chatia dead-letters …` while the workers go on."""
    url = flow.settings.database.url_override
    assert url
    environment = {
        "DATABASE_URL": url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
        "CHATIA_NAMESPACE": flow.settings.namespace,
        "USER": "ana",
    }
    return await asyncio.to_thread(
        chatia, "dead-letters", *words, environment=environment | variables
    )


async def answer(flow: Deployment, *words: str) -> Any:
    ended = await run(flow, *words, "--json")
    assert (ended.code, ended.complaint) == (0, "")
    return ended.json


async def letters(flow: Deployment) -> list[dict[str, Any]]:
    return await flow.sql(
        'SELECT id, service, status, attempts, reason, body, history FROM "DeadLetters" ORDER BY id'
    )


async def wids(flow: Deployment) -> list[str]:
    return [row["wid"] for row in await flow.sql('SELECT wid FROM "Messages" ORDER BY wid')]


async def dead(flow: Deployment, value: bytes | None, **options: Any) -> int:
    """Publish what cannot be read; gives the letter's id."""
    headers = options.get("headers", ())
    await flow.publish(
        Record(flow.topic("message.received"), options.get("key", KEY), value, headers)
    )
    await flow.settled()
    return int((await letters(flow))[-1]["id"])


def deeds(letter: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(event["did"], event.get("by")) for event in letter["history"]]


def body(wid: str = "A1", **members: object) -> bytes:
    return received(wid, **members).model_dump_json(by_alias=True).encode()


async def test_rubbish_is_listed_repaired_replayed_and_becomes_a_row(
    flow: Deployment, tmp_path: Path
) -> None:
    broken = body().replace(b'"wid":"A1",', b"")
    letter_id = await dead(flow, broken, headers=(("x", b"\xff"),))

    (listed,) = await answer(flow, "list")
    assert (listed["id"], listed["service"], listed["reason"], listed["status"]) == (
        letter_id,
        "contacts",
        "unreadable-body",
        "open",
    )
    shown = await run(flow, "show", str(letter_id), "--body")
    assert shown.answer.encode() == broken

    mended = tmp_path / "mended.json"
    mended.write_bytes(body())
    given = ("replay", str(letter_id), "--edit", str(mended), "--by", "joão")
    assert await answer(flow, *given) == {
        "replayed": [letter_id],
        "settledBefore": [],
        "dryRun": False,
    }
    await flow.settled()

    assert await wids(flow) == ["A1"]
    (letter,) = await letters(flow)
    assert (letter["status"], letter["attempts"]) == ("resolved", 1)
    assert deeds(letter) == [("replayed", "joão"), ("resolved", None)]
    assert letter["history"][0]["edited"] is True
    assert await answer(flow, "list") == []


async def test_a_body_that_was_too_large_is_given_anew_or_not_replayed(
    flow: Deployment, tmp_path: Path
) -> None:
    letter_id = str(await dead(flow, b"not json"))
    await flow.sql("""UPDATE "DeadLetters" SET reason = 'too-large', body = NULL""")
    refused = await run(flow, "replay", letter_id)
    assert (refused.code, (await letters(flow))[0]["status"]) == (4, "open")
    assert "the body was too large to be kept, and --edit has to give one" in refused.complaint
    mended = tmp_path / "mended.json"
    mended.write_bytes(body())
    assert (await run(flow, "replay", letter_id, "--edit", str(mended))).code == 0
    await flow.settled()
    assert await wids(flow) == ["A1"]


async def test_replayed_twice_is_once(flow: Deployment, tmp_path: Path) -> None:
    letter_id = str(await dead(flow, b"not json"))
    mended = tmp_path / "mended.json"
    mended.write_bytes(body())
    for _ in range(2):
        assert (await run(flow, "replay", letter_id, "--edit", str(mended))).code == 0
    await flow.settled()
    told = len(await flow.facts("ticket.changed"))
    after = await answer(flow, "replay", letter_id)
    await flow.settled()

    assert after == {"replayed": [], "settledBefore": [int(letter_id)], "dryRun": False}
    assert await wids(flow) == ["A1"]
    assert len(await flow.facts("message.identified")) == 1
    assert len(await flow.facts("ticket.changed")) == told
    (letter,) = await letters(flow)
    assert (letter["status"], letter["attempts"]) == ("resolved", 1)


async def test_a_copy_of_a_replay_changes_nothing(flow: Deployment) -> None:
    """As a crash of the command leaves it: marked and published, and then published again."""
    await flow.publish(flow.record(received("A1", whatsapp_id=11)))
    await flow.settled()
    (letter,) = await letters(flow)
    assert letter["reason"] == "unknown-line"
    await world.line(flow, 11, 1)
    assert (await run(flow, "replay", str(letter["id"]))).code == 0
    headers = (
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", str(letter["id"]).encode()),
    )
    copy = Record(flow.topic("message.received"), f"1:11:{CUSTOMER}", body(whatsapp_id=11), headers)
    await flow.publish(copy, copy)
    await flow.settled()
    assert len(await flow.facts("message.identified")) == 1
    (letter,) = await letters(flow)
    assert deeds(letter) == [("replayed", "ana"), ("resolved", None)]


async def test_what_fails_again_is_one_letter_with_its_attempts_counted(
    flow: Deployment, tmp_path: Path
) -> None:
    letter_id = str(await dead(flow, b"not json"))
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(body(whatsapp_id=99))
    assert (await run(flow, "replay", letter_id)).code == 0
    await flow.settled()
    (letter,) = await letters(flow)
    assert (letter["status"], letter["attempts"], letter["reason"]) == (
        "open",
        2,
        "unreadable-body",
    )
    assert (await run(flow, "replay", letter_id, "--edit", str(wrong))).code == 0
    await flow.settled()
    (letter,) = await letters(flow)
    assert (letter["status"], letter["attempts"], letter["reason"]) == ("open", 3, "unknown-line")
    assert letter["body"] == wrong.read_bytes()
    assert deeds(letter) == [
        ("replayed", "ana"),
        ("failed", None),
        ("replayed", "ana"),
        ("failed", None),
    ]


async def test_headers_can_be_mended_and_a_record_without_a_key_goes_back(flow: Deployment) -> None:
    unreadable = await dead(flow, body("A1"), headers=(("ce_type", b"\xff"),))
    mismatched = await dead(flow, body("A2"), key=None, headers=(("ce_companyid", b"2"),))
    assert [letter["reason"] for letter in await letters(flow)] == [
        "unreadable-header",
        "tenant-mismatch",
    ]
    assert (await run(flow, "replay", str(unreadable), "--header", "ce_type=")).code == 0
    assert (await run(flow, "replay", str(mismatched), "--header", "ce_companyid=1")).code == 0
    await flow.settled()
    assert await wids(flow) == ["A1", "A2"]
    assert {letter["status"] for letter in await letters(flow)} == {"resolved"}


async def test_a_replay_that_nobody_would_read_keeps_its_letter(flow: Deployment) -> None:
    letter_id = str(await dead(flow, b"not json"))
    assert (await run(flow, "replay", letter_id, "--header", "ce_type=else.v1")).code == 0
    await flow.settled()
    (letter,) = await letters(flow)
    assert (letter["status"], letter["attempts"], letter["reason"]) == ("open", 2, "unknown-type")


async def test_a_discarded_letter_is_never_tried_even_when_its_replay_is_on_the_way(
    flow: Deployment,
) -> None:
    letter_id = await dead(flow, body("A1").replace(b'"companyId":1', b'"companyId":"?"'))
    gone = {"discarded": [letter_id], "settledBefore": [], "dryRun": False}
    assert await answer(flow, "discard", str(letter_id), "--by", "rui") == gone
    headers = (
        ("chatia-replay-for", b"contacts"),
        ("chatia-dead-letter-id", str(letter_id).encode()),
    )
    await flow.publish(Record(flow.topic("message.received"), KEY, body("A1"), headers))
    await flow.settled()
    assert await wids(flow) == []
    (letter,) = await letters(flow)
    assert (letter["status"], deeds(letter)) == ("discarded", [("discarded", "rui")])
    refused = await run(flow, "replay", str(letter_id))
    assert (refused.code, refused.complaint) == (
        4,
        f"Already discarded, so nothing was done: dead letter {letter_id}.\n",
    )


async def test_headers_that_name_no_letter_of_the_record_hide_nothing(flow: Deployment) -> None:
    letter_id = await dead(flow, b"not json")
    topic = flow.topic("message.received")
    forged = [
        (b"contacts", b"999999"),
        (b"contacts", b"\xff\x00"),
        (b"contacts", b"9" * 5000),
        (b"nobody", str(letter_id).encode()),
        (b"tickets", str(letter_id).encode()),
        (b"contacts", str(letter_id).encode()),
    ]
    await flow.publish(
        *[
            Record(
                topic,
                f"1:10:551190000000{number}",
                body(f"F{number}", chat=f"551190000000{number}"),
                (("chatia-replay-for", service), ("chatia-dead-letter-id", number_of_letter)),
            )
            for number, (service, number_of_letter) in enumerate(forged, 2)
        ]
    )
    await flow.settled()
    assert await wids(flow) == ["F2", "F3", "F4", "F5", "F6", "F7"]
    (letter,) = await letters(flow)
    assert (letter["status"], letter["history"]) == ("open", [])


@pytest_asyncio.fixture(loop_scope="module")
async def unheard(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Run a deployment whose topics hold nothing that a new service would read."""
    async with deployment(kafka_bootstrap, migrated_url) as started:
        await world.company(started, 1)
        await world.line(started, 10, 1)
        yield started


async def test_another_service_on_the_same_topic_skips_a_replay(
    unheard: Deployment, tmp_path: Path
) -> None:
    flow = unheard
    heard: list[str] = []

    async def listen(_: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
        heard.extend(message.wid for message in batch)
        return []

    listener = Service("listener", (Subscription((MessageReceived,), listen),), ())
    async with running(create_app(listener, flow.settings)):
        await dead(flow, b"not json")
        await flow.publish(flow.record(received("A1")))
        await listened(flow)
        by_service = {letter["service"]: letter for letter in await letters(flow)}
        assert by_service.keys() == {"contacts", "listener"}
        mended = tmp_path / "mended.json"
        mended.write_bytes(body("A2"))
        letter_id = str(by_service["contacts"]["id"])
        assert (await run(flow, "replay", letter_id, "--edit", str(mended))).code == 0
        await flow.settled()
        await listened(flow)
    assert heard == ["A1"]
    assert await wids(flow) == ["A1", "A2"]
    assert {letter["service"]: letter["status"] for letter in await letters(flow)} == {
        "contacts": "resolved",
        "listener": "open",
    }


async def listened(flow: Deployment) -> None:
    """Wait until the listener has come as far as contacts."""
    await flow.settled()
    await flow.until_none(
        'SELECT 1 FROM "Checkpoints" c LEFT JOIN "Checkpoints" l USING (topic, partition) '
        "WHERE c.service = 'contacts' AND l.service = 'listener' "
        'AND l."nextOffset" < c."nextOffset"'
    )


async def test_a_dry_run_changes_nothing(flow: Deployment) -> None:
    letter_id = await dead(flow, b"not json")
    before = await letters(flow)
    assert await answer(flow, "replay", "--company", "1", "--dry-run") == {
        "replayed": [letter_id],
        "settledBefore": [],
        "dryRun": True,
    }
    assert (await run(flow, "discard", str(letter_id), "--dry-run")).answer == (
        f"Would be discarded: 1 ({letter_id}).\n"
    )
    await flow.settled()
    assert await letters(flow) == before


async def test_filters_choose_what_is_replayed_and_all_confirms_it(flow: Deployment) -> None:
    for wid in ("A1", "A2", "A3"):
        await flow.publish(flow.record(received(wid, whatsapp_id=11)))
    await dead(flow, b"not json")
    await world.line(flow, 11, 1)
    chosen = ("replay", "--reason", "unknown-line", "--service", "contacts", "--company", "1")
    asked = await run(flow, *chosen)
    assert (asked.code, asked.complaint) == (
        2,
        "This would replay 3 letters: add --all to say yes.\n",
    )
    done = await run(flow, *chosen, "--topic", "message.received", "--all")
    assert done.answer.startswith("Replayed: 3 (")
    await flow.settled()
    assert await wids(flow) == ["A1", "A2", "A3"]
    assert {(letter["reason"], letter["status"]) for letter in await letters(flow)} == {
        ("unknown-line", "resolved"),
        ("unreadable-body", "open"),
    }


async def test_without_a_broker_nothing_is_marked(flow: Deployment) -> None:
    letter_id = await dead(flow, b"not json")
    before = await letters(flow)
    ended = await run(flow, "replay", str(letter_id), KAFKA_BOOTSTRAP_SERVERS="[::1]:1")
    assert ended.code == 3
    assert ended.complaint.count("\n") == 1
    assert await letters(flow) == before
