"""Whether everything has been taken in: checkpoints against the ends of their topics."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS
from tests.faults.reading import Ends, Reader, reader

POLL_S = 0.3
STILL_POLLS = 2

CHECKPOINTS = text("""
SELECT service, topic, partition, "nextOffset" FROM "Checkpoints" WHERE topic NOT LIKE 'timer:%'
""")
ASIDE = text("""SELECT count(*) FROM "Checkpoints" WHERE aside <> '{}'""")
UNSENT = text("""
SELECT count(*) FROM "CampaignShipping"
WHERE "companyId" = ANY (CAST(:company_ids AS int[])) AND "jobId" IS NULL
""")
LEFT_OUTBOXES = text("""
SELECT service, topic, partition FROM "Checkpoints"
WHERE outbox IS NOT NULL AND split_part(service, '.', 1) = ANY (CAST(:services AS text[]))
""")

Heard = tuple[str, str]  # service, topic


def heard(topics: Topics) -> list[Heard]:
    """List who hears what, as the design has it."""
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
    return [(service, topics.own(name)) for service, name in own] + [
        ("messages", topics.evolution(event)) for event in EVOLUTION_EVENTS
    ]


class Watch:
    """Looks from outside at how far the services are."""

    def __init__(
        self, bootstrap: str, engine: AsyncEngine, topics: Topics, partitions: int
    ) -> None:
        self._bootstrap = bootstrap
        self._engine = engine
        self._heard = heard(topics)
        self._partitions = partitions

    async def settled(self, company_ids: Sequence[int], deadline: float) -> None:
        """Wait until nothing is left to take in or to send, and nothing has moved for a while."""
        while time.monotonic() < deadline:
            with suppress(KafkaError, SQLAlchemyError, OSError):
                async with reader(self._bootstrap, self._partitions) as reading:
                    await self._still(reading, company_ids, deadline)
                    return
            await asyncio.sleep(POLL_S)

    async def _still(self, reading: Reader, company_ids: Sequence[int], deadline: float) -> None:
        still, before = 0, None
        while still < STILL_POLLS and time.monotonic() < deadline:
            ends = await reading.ends({topic for _, topic in self._heard})
            behind = self._behind(ends, await self._checkpoints())
            behind += await self._count(ASIDE)
            behind += await self._count(UNSENT, company_ids=list(company_ids))
            still = still + 1 if behind == 0 and ends == before else 0
            before = ends
            await asyncio.sleep(POLL_S)

    async def left_outboxes(self, services: Sequence[str]) -> list[tuple[str, str, int]]:
        """Name the checkpoints of these services that still hold facts."""
        async with self._engine.connect() as conn:
            rows = await conn.execute(LEFT_OUTBOXES, {"services": list(services)})
            return [(row[0], row[1], row[2]) for row in rows]

    async def _checkpoints(self) -> dict[tuple[str, TopicPartition], int]:
        async with self._engine.connect() as conn:
            rows = await conn.execute(CHECKPOINTS)
            return {(row[0], TopicPartition(row[1], row[2])): row[3] for row in rows}

    async def _count(self, query: TextClause, **values: object) -> int:
        async with self._engine.connect() as conn:
            return int((await conn.execute(query, values)).scalar_one())

    def _behind(self, ends: Ends, reached: dict[tuple[str, TopicPartition], int]) -> int:
        """Count records not taken in, also by a service that has never seen the partition."""
        behind = 0
        for service, topic in self._heard:
            for number in range(self._partitions):
                place = TopicPartition(topic, number)
                behind += max(0, ends[place] - reached.get((service, place), 0))
        return behind
