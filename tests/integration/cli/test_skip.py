"""An operator puts one record into the dead letters, and its partition goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from tests.support import world
from tests.support.build import received
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration

# As if the disk were full whenever this message is stored: no record's fault, so it is waited for.
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


async def run(flow: Deployment, *words: str) -> Ended:
    url = flow.settings.database.url_override
    assert url
    environment = {
        "DATABASE_URL": url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
        "CHATIA_NAMESPACE": flow.settings.namespace,
        "USER": "ana",
    }
    return await asyncio.to_thread(chatia, *words, environment=environment)


async def stuck_at(flow: Deployment) -> TopicPartition:
    """Wait until tickets have passed on three messages, and give their partition."""
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


async def stored(flow: Deployment) -> list[str]:
    return [row["wid"] for row in await flow.sql('SELECT wid FROM "Messages" ORDER BY wid')]


@pytest.mark.timeout(120)
async def test_a_record_that_is_waited_for_is_skipped_and_its_neighbours_are_stored(
    flow: Deployment,
) -> None:
    await flow.publish(*(flow.record(received(wid)) for wid in ("A", "STUCK", "B")))
    place = await stuck_at(flow)
    words = ("skip", "messages", place.topic, str(place.partition))
    reason = ("--reason", "the disk is full")
    would = await run(flow, *words, "1", *reason, "--dry-run")
    assert (would.code, "Would be skipped by messages" in would.answer) == (0, True)
    skipped = await run(flow, *words, "1", *reason, "--json")
    assert skipped.code == 0, skipped.complaint
    again = await run(flow, *words, "1", *reason)
    assert (again.code, "already" in again.complaint) == (4, True), again.complaint
    await flow.settled()
    assert await stored(flow) == ["A", "B"]
    past = await run(flow, *words, "0", *reason)
    assert (past.code, "is past" in past.complaint) == (4, True)
    await check_letter(flow, skipped.json["letter"])
    await check_replay(flow, skipped.json["letter"])


async def check_letter(flow: Deployment, letter_id: int) -> None:
    (letter,) = await flow.sql('SELECT * FROM "DeadLetters"')
    assert letter["id"] == letter_id
    assert (letter["reason"], letter["detail"]) == ("skipped", "the disk is full")
    assert (letter["status"], letter["companyId"], letter["offset"]) == ("open", 1, 1)
    (note,) = letter["history"]
    assert (note["did"], note["by"], note["reason"]) == ("skipped", "ana", "the disk is full")
    assert note["at"]


async def check_replay(flow: Deployment, letter_id: int) -> None:
    await flow.sql(UNBLOCK)
    replayed = await run(flow, "dead-letters", "replay", str(letter_id))
    assert replayed.code == 0, replayed.complaint
    await flow.settled()
    assert await stored(flow) == ["A", "B", "STUCK"]
    (letter,) = await flow.sql('SELECT status FROM "DeadLetters"')
    assert letter["status"] == "resolved"


@pytest_asyncio.fixture
async def idle(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Topics with a record, and no worker."""
    async with deployment(kafka_bootstrap, migrated_url, workers=()) as flow:
        await flow.publish(flow.record(received("A")))
        yield flow


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("message.received", "0", "999", "x"), "and none at 999"),
        (("message.received", "99", "0", "x"), "has no partition 99"),
        (("message.recieved", "0", "0", "x"), "Kafka has no topic"),
        (("message.received", "0", "0", " "), "--reason has to say why"),
    ],
)
async def test_what_cannot_be_skipped_is_said(
    idle: Deployment, words: tuple[str, ...], says: str
) -> None:
    *place, reason = words
    ended = await run(idle, "skip", "contacts", *place, "--reason", reason)
    assert (ended.code, says in ended.complaint) == (2, True), ended.complaint


async def test_a_record_that_a_service_has_never_come_to_is_not_skipped(idle: Deployment) -> None:
    places = [str(partition) for partition in range(3)]
    ended = [
        await run(idle, "skip", "contacts", "message.received", place, "0", "--reason", "x")
        for place in places
    ]
    assert {each.code for each in ended} == {2}
    assert sum("contacts has never read" in each.complaint for each in ended) == 1
