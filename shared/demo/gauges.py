"""What can be read off a running deployment: ends of topics, lag of groups, counts of rows."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement
from shared.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS

ROWS = statement("""
SELECT (SELECT count(*) FROM "Contacts" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "Messages" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "CampaignShipping"
        WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "DeadLetters" WHERE id > :after)
""")
TICKETS = statement("""
SELECT status, count(*) FROM "Tickets" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
GROUP BY status ORDER BY status
""")


@dataclass(frozen=True, slots=True)
class Reading:
    """All gauges at one moment: facts told and lag by service, rows by table, tickets by status."""

    told: Mapping[str, int]
    lag: Mapping[str, int]
    rows: Mapping[str, int]
    tickets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Which rows belong to the run that is watched."""

    company_ids: Sequence[int]
    letters_before: int


class Gauges:
    """Reads a deployment without taking part in it."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        engine: AsyncEngine,
        topics: Topics,
        run: Run,
    ) -> None:
        self._consumer = consumer
        self._admin = admin
        self._engine = engine
        self._run = run
        self._namespace = topics.namespace
        self._told = {
            "contacts": topics.own("message.identified"),
            "tickets": topics.own("message.routed"),
            "messages": topics.own("message.stored"),
            "campaigns": topics.own("message.send"),
        }
        self._heard = {
            "contacts": [topics.own("message.received")],
            "tickets": [topics.own("message.identified"), topics.own("message.stored")],
            "messages": [
                *(topics.evolution(event) for event in EVOLUTION_EVENTS),
                topics.own("message.routed"),
            ],
            "campaigns": [topics.own("campaign.send")],
        }

    async def read(self) -> Reading:
        """Read all gauges, one after another."""
        ends = await self._ends()
        return Reading(
            told={service: _sum(ends, [topic]) for service, topic in self._told.items()},
            lag={
                service: await self._lag(service, topics, ends)
                for service, topics in self._heard.items()
            },
            rows=await self._rows(),
            tickets=await self._tickets(),
        )

    async def _ends(self) -> dict[TopicPartition, int]:
        await self._consumer.topics()
        names = {*self._told.values(), *(name for names in self._heard.values() for name in names)}
        places = [
            TopicPartition(name, number)
            for name in names
            for number in self._consumer.partitions_for_topic(name) or ()
        ]
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        return found

    async def _lag(
        self, service: str, topics: Sequence[str], ends: Mapping[TopicPartition, int]
    ) -> int:
        heard = {place: end for place, end in ends.items() if place.topic in topics and end > 0}
        committed: Mapping[TopicPartition, Any] = {}
        # A group that was never there has no coordinator yet: nothing of it is committed.
        with suppress(KafkaError):
            committed = await self._admin.list_consumer_group_offsets(
                f"{self._namespace}.{service}"
            )
        done = {place: max(0, committed[place].offset) for place in heard if place in committed}
        return sum(max(0, end - done.get(place, 0)) for place, end in heard.items())

    async def _rows(self) -> dict[str, int]:
        of_run = {"company_ids": list(self._run.company_ids), "after": self._run.letters_before}
        async with self._engine.connect() as conn:
            row = (await conn.execute(ROWS, of_run)).one()
        return dict(zip(("contacts", "messages", "shippings", "dead letters"), row, strict=True))

    async def _tickets(self) -> dict[str, int]:
        of_run = {"company_ids": list(self._run.company_ids)}
        async with self._engine.connect() as conn:
            return {row[0]: row[1] for row in await conn.execute(TICKETS, of_run)}


@asynccontextmanager
async def open_gauges(
    connection: dict[str, Any], engine: AsyncEngine, topics: Topics, run: Run
) -> AsyncIterator[Gauges]:
    """Connect the gauges to a deployment for as long as they are read."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        async with AIOKafkaConsumer(**connection, enable_auto_commit=False) as consumer:
            yield Gauges(consumer, admin, engine, topics, run)
    finally:
        await admin.close()


def _sum(ends: Mapping[TopicPartition, int], topics: Sequence[str]) -> int:
    return sum(end for place, end in ends.items() if place.topic in topics)
