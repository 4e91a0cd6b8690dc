"""A whole deployment in this process: migrated database, topics of its own, the four workers."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream import FastStream
from pydantic_settings import BaseSettings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import services.campaigns.app
import services.campaigns.consumer
import services.contacts.app
import services.contacts.consumer
import services.messages.app
import services.messages.consumer
import services.tickets.app
import services.tickets.consumer
from shared.cli import cluster
from shared.contracts.base import Event, Request
from shared.db.engine import create_engine
from shared.delivery.kafka import clients
from shared.schema import OWNERS
from shared.settings import BatchSettings, DatabaseSettings, KafkaSettings, Settings
from shared.topics import TOPICS, Topic, build_evolution_topics
from tests.support.any_batches import send_built
from tests.support.servers import ROLE_PASSWORD

APPS = {
    "contacts": services.contacts.app.create_app,
    "tickets": services.tickets.app.create_app,
    "messages": services.messages.app.create_app,
    "campaigns": services.campaigns.app.create_app,
}
CONSUMERS = {
    "contacts": services.contacts.consumer.service,
    "tickets": services.tickets.consumer.service,
    "messages": services.messages.consumer.service,
    "campaigns": services.campaigns.consumer.service,
}
WORDS = ("type", "source", "sequence")
PARTITIONS = 3
IDLE_FETCH_MS = 250  # longer than usual, since many workers idle; records are fetched at once
SETTLE_S = 60.0
POLL_S = 0.2
QUICK_POLL_S = 0.05
ROLES = text("""
SELECT unnest(roles) AS role FROM pg_policies
WHERE tablename = 'Messages' AND policyname = 'services'
""")
# Without triggers of foreign keys, so in any order; checkpoints stay.
STAYING = {"Checkpoints", "Deployment"}
EMPTY = f"""
DO $$ BEGIN
  SET LOCAL session_replication_role = replica;
  {" ".join(f'DELETE FROM "{name}";' for name in OWNERS if name not in STAYING)}
END $$
"""  # noqa: S608 - our own tables
STILL_POLLS = 4  # under load a fact may be some tenths of a second behind its commit


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as a gateway publishes it."""

    topic: str
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Deployment:
    """The running workers: publish to them, wait until they are idle, and read rows and facts."""

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        producer: AIOKafkaProducer,
        watcher: AIOKafkaConsumer,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self._producer = producer
        self._watcher = watcher
        self._begins: Mapping[TopicPartition, int] = {}

    def on(self, settings: Settings) -> "Deployment":
        """Return the same deployment on another database; its engine is the caller's to dispose."""
        engine = create_engine(settings.database, "chatia-tests")
        return Deployment(settings, engine, self._producer, self._watcher)

    def topic(self, name: str) -> str:
        """Return the full name of one of our topics."""
        return f"{self.settings.namespace}.{name}"

    def record(self, event: Event) -> Record:
        """Build the record that a gateway would publish for an event."""
        return Record(
            self.topic(event.topic), event.key, event.model_dump_json(by_alias=True).encode()
        )

    def request(self, event: Request) -> Record:
        """Build the record of a request, with its type in a header."""
        return replace(self.record(event), headers=(("ce_type", event.ce_type().encode()),))

    async def publish(self, *records: Record) -> None:
        """Publish records in order; each is acknowledged before the next."""
        for record in records:
            await self._producer.send_and_wait(
                record.topic,
                value=record.value,
                key=None if record.key is None else record.key.encode(),
                headers=list(record.headers),
            )

    async def publish_at_once(self, records: Iterable[Record]) -> list[tuple[str, int, int]]:
        """Publish records in order; return topic, partition and offset of each."""
        sent = [
            await self._producer.send(
                record.topic,
                value=record.value,
                key=None if record.key is None else record.key.encode(),
                headers=list(record.headers),
            )
            for record in records
        ]
        return [(at.topic, at.partition, at.offset) for at in await asyncio.gather(*sent)]

    async def publish_batch(self, name: str, batch: bytes, partition: int = 0) -> None:
        """Publish a finished record batch."""
        await send_built(self._producer, self.topic(name), partition, batch)

    async def sql(self, query: str, **values: object) -> list[dict[str, Any]]:
        """Run a statement and return its rows, if it has any."""
        async with self.engine.begin() as conn:
            found = await conn.execute(text(query), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []

    async def empty(self) -> None:
        """Delete all rows; `facts` reads only later ones."""
        await self.settled()
        await self.sql(EMPTY)
        topics = [topic.name for topic in _topics(self.settings)]
        self._begins = await self._ends(topics)

    async def facts(self, name: str) -> list[dict[str, Any]]:
        """Read the facts of a topic, each with its type, source and sequence."""
        return [
            {
                **{word: dict(record.headers).get(f"ce_{word}", b"").decode() for word in WORDS},
                **json.loads(record.value),
            }
            for record in await self._read([self.topic(name)])
        ]

    async def origins(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return source and sequence of every fact on these topics."""
        records = await self._read([self.topic(name) for name in names])
        headers = [dict(record.headers) for record in records]
        found = [(of_one.get("ce_source"), of_one.get("ce_sequence")) for of_one in headers]
        return [(s.decode(), n.decode()) for s, n in found if s and n]

    async def settled(self) -> None:
        """Wait until all records are handled and no topic grows."""
        still = 0
        async with asyncio.timeout(SETTLE_S):
            before: object = None
            while still < STILL_POLLS:
                lag, ends = await self._lag()
                still = still + 1 if lag == 0 and ends == before else 0
                before = ends
                await asyncio.sleep(POLL_S)

    async def until_none(self, query: str, **values: object) -> None:
        """Wait until a query returns no row."""
        async with asyncio.timeout(SETTLE_S):
            while await self.sql(query, **values):  # noqa: ASYNC110 - the database has no event to wait for
                await asyncio.sleep(POLL_S)

    async def until_any(self, query: str, **values: object) -> None:
        """Wait until a query returns a row."""
        async with asyncio.timeout(SETTLE_S):
            while not await self.sql(query, **values):  # noqa: ASYNC110 - see above
                await asyncio.sleep(QUICK_POLL_S)

    async def _lag(self) -> tuple[int, Mapping[TopicPartition, int]]:
        heard = {
            name: [
                t
                for s in service(self.settings).subscriptions
                for t in s.list_topics(self.settings.namespace)
            ]
            for name, service in CONSUMERS.items()
        }
        ends = await self._ends({topic for topics in heard.values() for topic in topics})
        rows = await self.sql('SELECT service, topic, partition, "nextOffset" FROM "Checkpoints"')
        at = {(r["service"], r["topic"], r["partition"]): r["nextOffset"] for r in rows}
        lag = sum(
            end - at.get((service, place.topic, place.partition), 0)
            for service, topics in heard.items()
            for place, end in ends.items()
            if place.topic in topics
        )
        return lag, ends

    async def _ends(self, topics: Iterable[str]) -> Mapping[TopicPartition, int]:
        places = [TopicPartition(t, p) for t in sorted(topics) for p in range(PARTITIONS)]
        if self._watcher.assignment() != set(places):
            self._watcher.assign(places)
        found: Mapping[TopicPartition, int] = await self._watcher.end_offsets(places)
        return found

    async def _read(self, topics: Sequence[str]) -> list[Any]:
        places = [TopicPartition(t, p) for t in topics for p in range(PARTITIONS)]
        self._watcher.assign(places)
        for place in places:
            self._watcher.seek(place, self._begins.get(place, 0))
        ends = await self._watcher.end_offsets(places)
        expected = sum(end - self._begins.get(place, 0) for place, end in ends.items())
        records: list[Any] = []
        while len(records) < expected:
            for found in (await self._watcher.getmany(timeout_ms=200)).values():
                records.extend(found)
        return records


@asynccontextmanager
async def deployment(
    kafka_bootstrap: str, database_url: str, workers: Iterable[str] = APPS, **options: BaseSettings
) -> AsyncIterator[Deployment]:
    """Run workers under their roles on a migrated database, in a new namespace."""
    name = uuid.uuid4().hex[:10]
    settings = Settings(
        namespace=f"t{name}",
        evolution_prefix=f"evo{name}",
        kafka=KafkaSettings(bootstrap_servers=kafka_bootstrap),
        database=DatabaseSettings.model_validate({"DATABASE_URL": database_url}),
    ).model_copy(update={"batches": BatchSettings(wait_ms=IDLE_FETCH_MS), **options})
    async with AsyncExitStack() as stack:
        await _create_topics(settings)
        engine = create_engine(settings.database, "chatia-tests")
        stack.push_async_callback(engine.dispose)
        producer = AIOKafkaProducer(
            **clients.build_client_arguments(settings.kafka), acks="all", linger_ms=0
        )
        await producer.start()
        stack.push_async_callback(producer.stop)
        watcher = AIOKafkaConsumer(
            **clients.build_client_arguments(settings.kafka),
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            enable_auto_commit=False,
        )
        await watcher.start()
        stack.push_async_callback(watcher.stop)
        logins = await find_logins(settings, engine)
        apps = [
            APPS[worker](settings.model_copy(update={"database": logins[worker]}))
            for worker in workers
        ]
        await stack.enter_async_context(running(*apps))
        yield Deployment(settings, engine, producer, watcher)


@asynccontextmanager
async def running(*apps: FastStream) -> AsyncIterator[None]:
    """Run applications until the block ends, then stop them as SIGTERM does."""
    tasks = [asyncio.create_task(app.run()) for app in apps]
    try:
        yield
    finally:
        for app in apps:
            app.exit()
        await asyncio.gather(*tasks)


async def find_logins(settings: Settings, engine: AsyncEngine) -> dict[str, DatabaseSettings]:
    """Return the login of each service; roles are those of the template database."""
    async with engine.connect() as conn:
        names = (await conn.execute(ROLES)).scalars().all()
    return {
        name.rpartition("_")[2]: settings.database.with_login(name, ROLE_PASSWORD) for name in names
    }


def _topics(settings: Settings) -> list[Topic]:
    ours = (replace(topic, name=f"{settings.namespace}.{topic.name}") for topic in TOPICS)
    raw = build_evolution_topics(settings.evolution_prefix)
    return [replace(topic, partitions=PARTITIONS) for topic in (*ours, *raw)]


async def _create_topics(settings: Settings) -> None:
    async with cluster.connect_admin(settings.kafka) as admin:
        await cluster.create_topics(admin, _topics(settings))
