"""`chatia topics accept-reset`: a re-created topic is consumed only after the reset is accepted."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.cli import cluster
from shared.delivery import app as service
from shared.delivery import worker
from shared.topics import TOPICS
from tests.support import world
from tests.support.build import received
from tests.support.chatia import Ended
from tests.support.deployment import PARTITIONS, SETTLE_S, Deployment, deployment
from tests.support.deployment_cli import run_chatia

pytestmark = pytest.mark.integration

QUERY = 'SELECT wid FROM "Messages" ORDER BY wid'


async def accept_reset(flow: Deployment, *words: str) -> Ended:
    return await run_chatia(flow, "topics", "accept-reset", *words)


async def recreate_topic(flow: Deployment, name: str) -> None:
    topic = next(topic for topic in TOPICS if topic.name == name)
    full = replace(topic, name=flow.topic(name), partitions=PARTITIONS)
    async with cluster.connect_admin(flow.settings.kafka) as admin:
        await admin.delete_topics([full.name])
        async with asyncio.timeout(SETTLE_S):
            while full.name in await admin.list_topics():  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)
        await cluster.create_topics(admin, [full])


async def load_wids(flow: Deployment) -> list[Any]:
    return [row["wid"] for row in await flow.sql(QUERY)]


async def test_a_recreated_topic_is_not_consumed_before_the_reset_is_accepted(
    kafka_bootstrap: str, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAINTENANCE_S", 0.2)
    monkeypatch.setattr(service, "METADATA_MAX_AGE_MS", 1_000)
    async with deployment(kafka_bootstrap, migrated_url) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await flow.publish(*(flow.record(received(f"A{n}")) for n in range(3)))
        await flow.settled()
        sound = await accept_reset(flow, "message.received")
        assert (sound.code, "fits its log" in sound.complaint) == (4, True)

        await recreate_topic(flow, "message.received")
        await flow.publish(flow.record(received("B1")))
        would = (await accept_reset(flow, "message.received", "--dry-run", "--json")).json
        (broken,) = would["broken"]
        assert (broken["service"], broken["nextOffset"], would["accepted"]) == ("contacts", 3, 0)
        assert "3 records were read but the log ends at 1" in broken["trouble"]
        assert await load_wids(flow) == ["A0", "A1", "A2"]

        done = (await accept_reset(flow, flow.topic("message.received"), "--json")).json
        assert done["accepted"] == 1
        async with asyncio.timeout(SETTLE_S):
            while "B1" not in await load_wids(flow):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)
        assert await load_wids(flow) == ["A0", "A1", "A2", "B1"]
