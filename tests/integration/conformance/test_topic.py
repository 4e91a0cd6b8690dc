"""`chatia conformance topic` reads a gateway's records from Kafka and sends for its line."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio

from shared.contracts.message import MessageSend
from tests.support import world
from tests.support.chatia import Ended
from tests.support.deployment import Deployment, Record, deployment
from tests.support.deployment_cli import run_chatia
from tests.support.foreign_gateway import ANA, LINE, NAMESPACE, NOBODY, ForeignGateway

pytestmark = pytest.mark.integration

POLL_S = 0.1


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url, ()) as flow:
        await world.company(flow, LINE[0])
        await world.line(flow, LINE[1], LINE[0])
        yield flow


@asynccontextmanager
async def connected(flow: Deployment, gateway: ForeignGateway) -> AsyncIterator[None]:
    """Publish what the gateway publishes, and hand it the new sends, until the block ends."""

    async def publish_new() -> None:
        await flow.publish(
            *(
                Record(
                    flow.topic(record.topic.removeprefix(f"{NAMESPACE}.")),
                    (record.key or b"").decode(),
                    record.value,
                    tuple((name, value or b"") for name, value in record.headers),
                )
                for record in await gateway.poll()
            )
        )

    async def list_sends() -> list[MessageSend]:
        return [MessageSend.model_validate(send) for send in await flow.facts(MessageSend.topic)]

    async def answer_sends(handled: Counter[str]) -> None:
        while True:
            # By their ids: records of several partitions come in any order.
            counts: Counter[str] = Counter()
            for send in await list_sends():
                counts[send.send_id] += 1
                if counts[send.send_id] > handled[send.send_id]:
                    await gateway.publish([send])
            handled = counts
            await publish_new()
            await asyncio.sleep(POLL_S)

    await publish_new()
    known = Counter(send.send_id for send in await list_sends())
    answering = asyncio.create_task(answer_sends(known))
    try:
        yield
    finally:
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering


async def run(flow: Deployment, *words: str, line: int = LINE[1]) -> Ended:
    of_line = ("--company", str(LINE[0]), "--line", str(line), "--seconds", "1")
    sends = ("--send-to", ANA, "--no-whatsapp", NOBODY, "--settle-seconds", "2", "--json")
    return await run_chatia(flow, "conformance", "topic", *of_line, *sends, *words)


async def test_a_right_gateway_passes_and_a_broken_one_is_named(flow: Deployment) -> None:
    async with connected(flow, ForeignGateway()):
        right = await run(flow, "--from-beginning")
    assert (right.code, right.json["failed"], right.json["grade"]) == (0, [], "A")
    assert {"bodies", "messages", "answers", "sends"} <= right.json["areas"].keys()
    async with connected(flow, ForeignGateway("answers twice")):
        broken = await run(flow)
    found = {(failed["area"], failed["came"]) for failed in broken.json["failed"]}
    assert (broken.code, found) == (1, {("answers", "2 answers")})


async def test_a_line_that_is_not_registered_is_refused_before_anything_is_sent(
    flow: Deployment,
) -> None:
    ended = await run(flow, line=77)
    assert (ended.code, ended.complaint) == (1, "Company 1 has no line 77: insert it first.\n")
    assert await flow.facts(MessageSend.topic) == []
