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
from shared import kafka
from shared.cli import cluster
from shared.contracts.base import Event, Request
from shared.db.engine import create_engine
from shared.schema import OWNERS
from shared.settings import DatabaseSettings, KafkaSettings, Settings
from shared.topics import TOPICS, Topic, evolution_topics
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
IDLE_FETCH_MS = 250  # longer than usual: what comes is fetched at once, and many workers idle
SETTLE_S = 60.0
POLL_S = 0.2
ROLES = text("""
SELECT unnest(roles) AS role FROM pg_policies
WHERE tablename = 'Messages' AND policyname = 'services'
""")
# Without the triggers of foreign keys, in any order; how far the workers are stays.
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
    """A Kafka record as a gateway puts it."""

    topic: str
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Deployment:
    """Publishes to it, waits until nothing moves, and looks at what is there."""

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

    def topic(self, name: str) -> str:
        """Give the full name of one of our topics."""
        return f"{self.settings.namespace}.{name}"

    def record(self, event: Event) -> Record:
        """Make the record that a gateway of our own would publish."""
        return Record(
            self.topic(event.topic), event.key, event.model_dump_json(by_alias=True).encode()
        )

    def request(self, event: Request) -> Record:
        """Make the record of a request, whose topic carries several types."""
        return replace(self.record(event), headers=(("ce_type", event.ce_type().encode()),))

    async def publish(self, *records: Record) -> None:
        """Put records on their topics, in order; each is acknowledged before the next."""
        for record in records:
            await self._producer.send_and_wait(
                record.topic,
                value=record.value,
                key=None if record.key is None else record.key.encode(),
                headers=list(record.headers),
            )

    async def publish_at_once(self, records: Iterable[Record]) -> list[tuple[str, int, int]]:
        """Put records on their topics, in order; give each one's topic, partition and offset."""
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
        """Put a record batch on one of our topics as it is."""
        await send_built(self._producer, self.topic(name), partition, batch)

    async def sql(self, query: str, **values: object) -> list[dict[str, Any]]:
        """Run a statement and give its rows, if it has any."""
        async with self.engine.begin() as conn:
            found = await conn.execute(text(query), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []

    async def empty(self) -> None:
        """Begin anew: no rows, and facts only from now on."""
        await self.settled()
        await self.sql(EMPTY)
        topics = [topic.name for topic in _topics(self.settings)]
        self._begins = await self._ends(topics)

    async def facts(self, name: str) -> list[dict[str, Any]]:
        """Read what came to one of our topics, with each fact's type, source and sequence."""
        return [
            {
                **{word: dict(record.headers).get(f"ce_{word}", b"").decode() for word in WORDS},
                **json.loads(record.value),
            }
            for record in await self._read([self.topic(name)])
        ]

    async def origins(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Read the source and the sequence of every fact on our topics; others have neither."""
        records = await self._read([self.topic(name) for name in names])
        headers = [dict(record.headers) for record in records]
        found = [(of_one.get("ce_source"), of_one.get("ce_sequence")) for of_one in headers]
        return [(s.decode(), n.decode()) for s, n in found if s and n]

    async def settled(self) -> None:
        """Wait until every worker has taken everything and nothing new has come for a while."""
        still = 0
        async with asyncio.timeout(SETTLE_S):
            before: object = None
            while still < STILL_POLLS:
                lag, ends = await self._lag()
                still = still + 1 if lag == 0 and ends == before else 0
                before = ends
                await asyncio.sleep(POLL_S)

    async def until_none(self, query: str, **values: object) -> None:
        """Wait until a query finds nothing any more."""
        async with asyncio.timeout(SETTLE_S):
            while await self.sql(query, **values):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(POLL_S)

    async def _lag(self) -> tuple[int, Mapping[TopicPartition, int]]:
        heard = {
            name: [
                t
                for s in service(self.settings).subscriptions
                for t in s.topics(self.settings.namespace)
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
    kafka_bootstrap: str, database_url: str, workers: Iterable[str] = APPS, **options: object
) -> AsyncIterator[Deployment]:
    """Run workers under their roles on a migrated database, in a namespace that nobody else has."""
    name = uuid.uuid4().hex[:10]
    settings = Settings(
        namespace=f"t{name}",
        evolution_prefix=f"evo{name}",
        kafka=KafkaSettings(bootstrap_servers=kafka_bootstrap),
        database=DatabaseSettings.model_validate({"DATABASE_URL": database_url}),
    ).model_copy(update={"batch_wait_ms": IDLE_FETCH_MS, **options})
    async with AsyncExitStack() as stack:
        await _create_topics(settings)
        engine = create_engine(settings.database, "chatia-tests")
        stack.push_async_callback(engine.dispose)
        producer = AIOKafkaProducer(**kafka.connection(settings.kafka), acks="all", linger_ms=0)
        await producer.start()
        stack.push_async_callback(producer.stop)
        watcher = AIOKafkaConsumer(
            **kafka.connection(settings.kafka),
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            enable_auto_commit=False,
        )
        await watcher.start()
        stack.push_async_callback(watcher.stop)
        logins = await _logins(settings, engine)
        apps = [
            APPS[worker](settings.model_copy(update={"database": logins[worker]}))
            for worker in workers
        ]
        await stack.enter_async_context(running(*apps))
        yield Deployment(settings, engine, producer, watcher)


@asynccontextmanager
async def running(*apps: FastStream) -> AsyncIterator[None]:
    """Run workers' applications until the block ends, then let them finish as SIGTERM would."""
    tasks = [asyncio.create_task(app.run()) for app in apps]
    try:
        yield
    finally:
        for app in apps:
            app.exit()
        await asyncio.gather(*tasks)


async def _logins(settings: Settings, engine: AsyncEngine) -> dict[str, DatabaseSettings]:
    """Find the roles of the services, which are those of the database's template."""
    async with engine.connect() as conn:
        names = (await conn.execute(ROLES)).scalars().all()
    return {
        name.rpartition("_")[2]: settings.database.logged_in_as(name, ROLE_PASSWORD)
        for name in names
    }


def _topics(settings: Settings) -> list[Topic]:
    ours = (replace(topic, name=f"{settings.namespace}.{topic.name}") for topic in TOPICS)
    raw = evolution_topics(settings.evolution_prefix)
    return [replace(topic, partitions=PARTITIONS) for topic in (*ours, *raw)]


async def _create_topics(settings: Settings) -> None:
    async with cluster.connected(settings.kafka) as admin:
        await cluster.create(admin, _topics(settings))
