"""`chatia skip`: a record becomes a dead letter by hand, and its partition goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from tests.support import world
from tests.support.build import received
from tests.support.deployment import Deployment, deployment
from tests.support.deployment_cli import run_chatia

pytestmark = pytest.mark.integration

# As if the disk were full whenever this message is stored: workers wait, because it is an outage.
BLOCK = """
CREATE FUNCTION block() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.wid = 'STUCK' THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF;
  RETURN NEW;
END $$
"""
TRIGGER = 'CREATE TRIGGER block BEFORE INSERT ON "Messages" FOR EACH ROW EXECUTE FUNCTION block()'
UNBLOCK = 'DROP TRIGGER block ON "Messages"'


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await flow.sql(BLOCK)
        await flow.sql(TRIGGER)
        yield flow


async def find_blocked_partition(flow: Deployment) -> TopicPartition:
    """Wait until tickets has routed three messages; return their partition."""
    async with asyncio.timeout(60):
        while True:
            rows = await flow.sql(
                'SELECT topic, partition FROM "Checkpoints" '
                "WHERE service = 'tickets' AND topic LIKE '%.message.identified' "
                'AND "nextOffset" = 3 AND outbox IS NOT NULL'
            )
            if rows:
                topic = rows[0]["topic"].replace("identified", "routed")
                return TopicPartition(topic, rows[0]["partition"])
            await asyncio.sleep(0.1)


async def load_wids(flow: Deployment) -> list[str]:
    return [row["wid"] for row in await flow.sql('SELECT wid FROM "Messages" ORDER BY wid')]


@pytest.mark.timeout(120)
async def test_a_record_that_blocks_its_partition_is_skipped_and_the_others_are_stored(
    flow: Deployment,
) -> None:
    await flow.publish(*(flow.record(received(wid)) for wid in ("A", "STUCK", "B")))
    partition = await find_blocked_partition(flow)
    words = ("skip", "messages", partition.topic, str(partition.partition))
    reason = ("--reason", "the disk is full")
    would = await run_chatia(flow, *words, "1", *reason, "--dry-run")
    assert (would.code, "Would be skipped by messages" in would.answer) == (0, True)
    skipped = await run_chatia(flow, *words, "1", *reason, "--json")
    assert skipped.code == 0, skipped.complaint
    again = await run_chatia(flow, *words, "1", *reason)
    assert (again.code, "already" in again.complaint) == (4, True), again.complaint
    await flow.settled()
    assert await load_wids(flow) == ["A", "B"]
    past = await run_chatia(flow, *words, "0", *reason)
    assert (past.code, "is past" in past.complaint) == (4, True)
    await check_dead_letter(flow, skipped.json["letter"])
    await check_replay(flow, skipped.json["letter"])


async def check_dead_letter(flow: Deployment, dead_letter_id: int) -> None:
    (dead_letter,) = await flow.sql('SELECT * FROM "DeadLetters"')
    assert dead_letter["id"] == dead_letter_id
    assert (dead_letter["reason"], dead_letter["detail"]) == ("skipped", "the disk is full")
    assert (dead_letter["status"], dead_letter["companyId"], dead_letter["offset"]) == (
        "open",
        1,
        1,
    )
    (note,) = dead_letter["history"]
    assert (note["did"], note["by"], note["reason"]) == ("skipped", "ana", "the disk is full")
    assert note["at"]


async def check_replay(flow: Deployment, dead_letter_id: int) -> None:
    await flow.sql(UNBLOCK)
    replayed = await run_chatia(flow, "dead-letters", "replay", str(dead_letter_id))
    assert replayed.code == 0, replayed.complaint
    await flow.settled()
    assert await load_wids(flow) == ["A", "B", "STUCK"]
    (dead_letter,) = await flow.sql('SELECT status FROM "DeadLetters"')
    assert dead_letter["status"] == "resolved"


@pytest_asyncio.fixture
async def idle(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Topics with a record, and no worker."""
    async with deployment(kafka_bootstrap, migrated_url, workers=()) as flow:
        await flow.publish(flow.record(received("A")))
        yield flow


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("message.received", "0", "999", "x"), "and none at 999"),
        (("message.received", "99", "0", "x"), "has no partition 99"),
        (("message.recieved", "0", "0", "x"), "Kafka has no topic"),
        (("message.received", "0", "0", " "), "--reason has to say why"),
    ],
)
async def test_skip_says_why_a_record_cannot_be_skipped(
    idle: Deployment, words: tuple[str, ...], message: str
) -> None:
    *partition, reason = words
    ended = await run_chatia(idle, "skip", "contacts", *partition, "--reason", reason)
    assert (ended.code, message in ended.complaint) == (2, True), ended.complaint


async def test_a_record_of_a_partition_without_checkpoint_is_not_skipped(idle: Deployment) -> None:
    partitions = [str(partition) for partition in range(3)]
    ended = [
        await run_chatia(
            idle, "skip", "contacts", "message.received", partition, "0", "--reason", "x"
        )
        for partition in partitions
    ]
    assert {each.code for each in ended} == {2}
    assert sum("contacts has never read" in each.complaint for each in ended) == 1
