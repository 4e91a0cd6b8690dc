"""Waiting until all records are handled: checkpoints against the ends of their topics."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.dev.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS
from tests.faults.reading import Ends, Reader, open_reader

POLL_S = 0.3
QUIET_POLLS = 2

CHECKPOINTS = text("""
SELECT service, topic, partition, "nextOffset" FROM "Checkpoints" WHERE topic NOT LIKE 'timer:%'
""")
DEFERRED = text("""SELECT count(*) FROM "Checkpoints" WHERE aside <> '{}'""")
UNSENT = text("""
SELECT count(*) FROM "CampaignShipping"
WHERE "companyId" = ANY (CAST(:company_ids AS int[])) AND "jobId" IS NULL
""")
UNCLEARED_OUTBOXES = text("""
SELECT service, topic, partition FROM "Checkpoints"
WHERE outbox IS NOT NULL AND split_part(service, '.', 1) = ANY (CAST(:services AS text[]))
""")

SubscribedTopic = tuple[str, str]  # service, topic


def list_subscribed_topics(topics: Topics) -> list[SubscribedTopic]:
    """Return the services and the topics that they read, written down apart from the product."""
    own = (
        ("contacts", "message.received"),
        ("tickets", "message.identified"),
        ("tickets", "message.stored"),
        ("messages", "message.routed"),
        ("messages", "message.changed"),
        ("messages", "message.answered"),
        ("messages", "messages.requests"),
        ("tickets", "tickets.requests"),
        ("campaigns", "campaign.send"),
    )
    return [(service, topics.get_own(name)) for service, name in own] + [
        ("messages", topics.get_evolution(event)) for event in EVOLUTION_EVENTS
    ]


class Quiescence:
    """Progress of the services, seen from their checkpoints."""

    def __init__(
        self, bootstrap: str, engine: AsyncEngine, topics: Topics, partitions: int
    ) -> None:
        self._bootstrap = bootstrap
        self._engine = engine
        self._subscribed = list_subscribed_topics(topics)
        self._partitions = partitions

    async def wait_until_quiet(self, company_ids: Sequence[int], deadline: float) -> None:
        """Wait, until the deadline, for nothing left to read or send and no topic that grows."""
        while time.monotonic() < deadline:
            with suppress(KafkaError, SQLAlchemyError, OSError):
                async with open_reader(self._bootstrap, self._partitions) as reading:
                    await self._wait_until_still(reading, company_ids, deadline)
                    return
            await asyncio.sleep(POLL_S)

    async def _wait_until_still(
        self, reading: Reader, company_ids: Sequence[int], deadline: float
    ) -> None:
        quiet_polls, before = 0, None
        while quiet_polls < QUIET_POLLS and time.monotonic() < deadline:
            ends = await reading.read_ends({topic for _, topic in self._subscribed})
            backlog = self._count_backlog(ends, await self._load_checkpoints())
            backlog += await self._count(DEFERRED)
            backlog += await self._count(UNSENT, company_ids=list(company_ids))
            quiet_polls = quiet_polls + 1 if backlog == 0 and ends == before else 0
            before = ends
            await asyncio.sleep(POLL_S)

    async def list_uncleared_outboxes(self, services: Sequence[str]) -> list[tuple[str, str, int]]:
        """Return the checkpoints of these services whose outbox is not cleared."""
        async with self._engine.connect() as conn:
            rows = await conn.execute(UNCLEARED_OUTBOXES, {"services": list(services)})
            return [(row[0], row[1], row[2]) for row in rows]

    async def _load_checkpoints(self) -> dict[tuple[str, TopicPartition], int]:
        async with self._engine.connect() as conn:
            rows = await conn.execute(CHECKPOINTS)
            return {(row[0], TopicPartition(row[1], row[2])): row[3] for row in rows}

    async def _count(self, query: TextClause, **values: object) -> int:
        async with self._engine.connect() as conn:
            return int((await conn.execute(query, values)).scalar_one())

    def _count_backlog(self, ends: Ends, reached: dict[tuple[str, TopicPartition], int]) -> int:
        """Count records not handled, also on partitions that have no checkpoint."""
        backlog = 0
        for service, topic in self._subscribed:
            for number in range(self._partitions):
                partition = TopicPartition(topic, number)
                backlog += max(0, ends[partition] - reached.get((service, partition), 0))
        return backlog
