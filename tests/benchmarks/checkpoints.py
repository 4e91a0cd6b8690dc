"""The cost of exactly-once in the database: `python -m tests.benchmarks.checkpoints`.

The messages service's own batch (decode, load, decide, save, encode) is committed three ways: bare,
with neither protection; with our checkpoint; and with the classic inbox and outbox, each a row a
record. Publishing costs nothing in all three, so that only the database is compared. Ways take
turns, and medians over the repetitions are shown.
"""

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any, cast

import typer
from aiokafka import ConsumerRecord, TopicPartition
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from services.messages.storing.handler import store_messages
from shared.contracts.message import MessageRouted
from shared.db import migrations
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.delivery.batch.reading import Batch
from shared.delivery.batch.transaction import BatchResult, BatchTransaction
from shared.delivery.batch.triage import triage
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters.quarantine import UnreadableRuns
from shared.delivery.dead_letters.replay import Replays
from shared.delivery.kafka.outgoing import OutgoingRecord
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription
from shared.embedded.servers import run_servers
from shared.settings import DatabaseSettings
from tests.support.build import at, routed

SERVICE, TOPIC = "messages", "chatia.message.routed"
SIZES = {1: 400, 100: 60, 2_000: 8}  # records of a batch: batches of a measurement
PARTITIONS = 4  # that a batch is spread over; one record has one
TICKETS = 50
SOURCES = 12  # that a partition hears, as the topic before has so many partitions

STAGE = """
INSERT INTO "Companies" (id, name) VALUES (1, 'Empresa');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (10, 1, 'Linha');
INSERT INTO "Contacts" (id, "companyId", name, number)
SELECT n, 1, 'Pessoa ' || n, '55119' || n FROM generate_series(1, 50) AS n;
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status)
SELECT n, 1, n, 10, 'open' FROM generate_series(1, 50) AS n;
CREATE TABLE inbox (service text, id uuid, received timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (service, id));
CREATE INDEX ON inbox (received);
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,
                     partition int NOT NULL, key text NOT NULL, value text NOT NULL,
                     headers jsonb NOT NULL, created timestamptz NOT NULL DEFAULT now());
ALTER TABLE inbox SET (autovacuum_enabled = off);
ALTER TABLE outbox SET (autovacuum_enabled = off);
ALTER TABLE "Checkpoints" SET (autovacuum_enabled = off);
ALTER TABLE "Messages" SET (autovacuum_enabled = off)
"""

TAKE_IN = statement("""
INSERT INTO inbox (service, id)
SELECT :service, b.id FROM unnest(CAST(:id AS uuid[])) AS b(id)
ON CONFLICT DO NOTHING RETURNING id
""")
PUT_OUT = statement("""
INSERT INTO outbox (topic, partition, key, value, headers)
SELECT * FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:key AS text[]),
                     CAST(:value AS text[]), CAST(:headers AS jsonb[]))
""")
RELAY = statement("""
SELECT id, topic, partition, key, value, headers FROM outbox
ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED
""")
SENT = statement("DELETE FROM outbox WHERE id = ANY(CAST(:id AS bigint[]))")
FORGET = statement("DELETE FROM inbox WHERE received <= now()")

WAL = text("SELECT pg_current_wal_insert_lsn() - '0/0'")
FLUSH = text("SELECT pg_stat_force_next_flush()")
ROWS = text("""
SELECT COALESCE(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) AS rows,
       COALESCE(sum(n_dead_tup), 0) AS dead, COALESCE(sum(pg_total_relation_size(relid)), 0) AS size
FROM pg_stat_user_tables WHERE relname IN ('inbox', 'outbox', 'Checkpoints')
""")
CLEAN = ("VACUUM FULL inbox", "VACUUM FULL outbox", 'VACUUM FULL "Checkpoints"', "CHECKPOINT")


class Silent:
    """A publisher whose broker acknowledges at once."""

    def count_partitions(self, _: str) -> int:
        return 12

    async def publish(self, _: Iterable[OutgoingRecord]) -> int:
        return 0


class Bare(BatchTransaction):
    """Handlers alone, without checkpoint, inbox or outbox."""

    @override
    async def run(
        self,
        conn: AsyncConnection,
        batch: Batch,
        checkpoints: Mapping[Any, Checkpoint],
        runs: UnreadableRuns,
    ) -> BatchResult:
        triaged = triage(batch.readings, checkpoints, Replays(SERVICE, ()), self.decoder, runs)
        facts = await self._apply(conn, triaged, checkpoints, batch.outcomes)
        return BatchResult([fact for _, fact in facts], {}, triaged.counts, triaged.runs)


class Classic(Bare):
    """A row in the inbox for each record, one in the outbox for each fact."""

    @override
    async def run(
        self,
        conn: AsyncConnection,
        batch: Batch,
        checkpoints: Mapping[Any, Checkpoint],
        runs: UnreadableRuns,
    ) -> BatchResult:
        records = batch.records
        ids = {uuid.uuid5(uuid.NAMESPACE_OID, str(r.value)): r for r in records}
        new = await conn.execute(TAKE_IN, {"service": SERVICE, "id": list(ids)})
        fresh = {id(ids[row.id]) for row in new}
        kept = [reading for reading in batch.readings if id(reading.record) in fresh]
        result = await super().run(conn, replace(batch, readings=kept), checkpoints, runs)
        await conn.execute(
            PUT_OUT,
            {
                "topic": [fact.topic for fact in result.facts],
                "partition": [fact.partition for fact in result.facts],
                "key": [fact.key for fact in result.facts],
                "value": [fact.value for fact in result.facts],
                "headers": [json.dumps(dict(fact.headers)) for fact in result.facts],
            },
        )
        return result


@dataclass(frozen=True, slots=True)
class Cost:
    """The average cost of a batch."""

    statements: float
    wal: float
    rows: float
    dead: float
    size: float
    ms: float


@dataclass(frozen=True, slots=True)
class Way:
    """How a batch is committed, and what runs after the last one."""

    take: Callable[[Sequence[Record]], Awaitable[None]]
    end: Callable[[], Awaitable[None]]


class Bench:
    """A database and new records."""

    def __init__(self, engine: AsyncEngine, offset: int = 0) -> None:
        self.engine = engine
        self.statements = 0
        self._offset = offset
        event.listen(engine.sync_engine, "before_cursor_execute", self._count)
        heard = (Subscription((MessageRouted,), store_messages),)
        publisher = cast("Publisher", Silent())
        self.ways = {
            "bare": self._unheld(Bare(SERVICE, "chatia", "", heard, publisher)),
            "checkpoint": self._held(BatchTransaction(SERVICE, "chatia", "", heard, publisher)),
            "inbox and outbox": self._unheld(Classic(SERVICE, "chatia", "", heard, publisher)),
        }

    def _count(self, *_: object) -> None:
        self.statements += 1

    def batch(self, size: int) -> list[Record]:
        """Build the next records, spread over some partitions."""
        records = []
        for _ in range(size):
            self._offset += 1
            records.append(_record(self._offset, self._offset % min(PARTITIONS, size)))
        return sorted(records, key=lambda r: (r.partition, r.offset))

    def _held(self, transaction: BatchTransaction) -> Way:
        async def take(records: Sequence[Record]) -> None:
            read = await transaction.reader.read(self.engine, records, {}, {})
            async with self.engine.begin() as conn:
                held = await checkpoints.lock(conn, SERVICE, _places(records))
                await transaction.run(conn, read, held, UnreadableRuns(0))

        async def end() -> None:
            async with self.engine.begin() as conn:
                held = await checkpoints.lock(conn, SERVICE, PLACES)
                told = {place: row.next_offset for place, row in held.items()}
                await checkpoints.clear_outboxes(conn, SERVICE, told)

        return Way(take, end)

    def _unheld(self, transaction: BatchTransaction) -> Way:
        relays = isinstance(transaction, Classic)

        async def take(records: Sequence[Record]) -> None:
            read = await transaction.reader.read(self.engine, records, {}, {})
            async with self.engine.begin() as conn:
                await transaction.run(conn, read, UNHELD, UnreadableRuns(0))
            if relays:
                async with self.engine.begin() as conn:
                    sent = [row.id for row in await conn.execute(RELAY)]
                    await conn.execute(SENT, {"id": sent})

        async def end() -> None:
            if relays:
                async with self.engine.begin() as conn:
                    await conn.execute(FORGET)

        return Way(take, end)

    async def measure(self, way: Way, size: int) -> Cost:
        """Commit so many batches on empty tables; return the average cost of one."""
        count = SIZES[size]
        batches = [self.batch(size) for _ in range(count)]
        await self._clean()
        before = await self._look()
        self.statements = 0
        began = time.perf_counter()
        for records in batches:
            await way.take(records)
        await way.end()
        ms = (time.perf_counter() - began) * 1000
        statements = self.statements
        after = await self._look()
        wal, changed, dead, left = ((b - a) / count for a, b in zip(before, after, strict=True))
        return Cost(statements / count, wal, changed, dead, left, ms / count)

    async def _clean(self) -> None:
        async with self.engine.connect() as conn:
            outside = await conn.execution_options(isolation_level="AUTOCOMMIT")
            for command in CLEAN:
                await outside.execute(text(command))

    async def _look(self) -> tuple[float, ...]:
        async with self.engine.begin() as conn:
            await conn.execute(FLUSH)
        async with self.engine.begin() as conn:
            wal = float((await conn.execute(WAL)).scalar_one())
            row = (await conn.execute(ROWS)).one()
        return wal, float(row.rows), float(row.dead), float(row.size)


def _places(records: Iterable[Record]) -> set[TopicPartition]:
    return {TopicPartition(r.topic, r.partition) for r in records}


def _record(offset: int, partition: int) -> Any:
    ticket = offset % TICKETS + 1
    message = routed(
        f"W{offset}",
        contact_id=ticket,
        sender_id=ticket,
        ticket_id=ticket,
        timestamp=at(offset / 1000),
        body=f"Bom dia, gostaria de saber se o pedido {offset} já saiu para entrega.",
    )
    source = f"0b7e/tickets/chatia.message.identified/{offset % SOURCES}/0"
    headers = (("ce_source", source.encode()), ("ce_sequence", f"{offset:020d}.000000".encode()))
    value = message.model_dump_json(by_alias=True).encode()
    return ConsumerRecord(
        TOPIC, partition, offset, 1_000, 0, message.key.encode(), value, None, 0, 0, headers
    )


PLACES = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
UNHELD = {
    place: Checkpoint(
        topic=place.topic,
        partition=place.partition,
        next_offset=0,
        last_timestamp=None,
        last_crc=None,
        epoch=0,
        outbox=None,
        seen={},
        deferred={},
        quarantined=None,
    )
    for place in PLACES
}


@asynccontextmanager
async def bench(database_url: str) -> AsyncIterator[Bench]:
    """Create all tables; full_page_writes is off, so that WAL can be compared."""
    settings = DatabaseSettings.model_validate({"DATABASE_URL": database_url})
    await migrations.upgrade(settings.url)
    engine = create_engine(settings, "chatia-benchmark")
    try:
        async with engine.connect() as conn:
            outside = await conn.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text("ALTER SYSTEM SET full_page_writes = off"))
            await outside.execute(text("SELECT pg_reload_conf()"))
        async with engine.begin() as conn:
            for command in STAGE.split(";\n"):
                await conn.execute(text(command))
            await checkpoints.create(conn, SERVICE, dict.fromkeys(PLACES, 0))
        yield Bench(engine)
    finally:
        await engine.dispose()


async def compare(database_url: str, repetitions: int) -> None:
    """Measure every way and size in turn, and print medians."""
    found: dict[tuple[int, str], list[Cost]] = defaultdict(list)
    async with bench(database_url) as made:
        for way in made.ways.values():  # statements are prepared, pages are there
            await made.measure(way, 100)
        for _ in range(repetitions):
            for size in SIZES:
                for name, way in made.ways.items():
                    found[size, name].append(await made.measure(way, size))
    names = [field.name for field in fields(Cost)]
    typer.echo(f"| records | way | {' | '.join(names)} |")
    typer.echo(f"|---:|---|{'---:|' * len(names)}")
    for (size, name), costs in found.items():
        shown = (f"{median(getattr(cost, each) for cost in costs):,.1f}" for each in names)
        typer.echo(f"| {size:,} | {name} | {' | '.join(shown)} |")


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chatia-checkpoints-") as folder,
        run_servers(Path(folder), kafka=False) as running,
    ):
        asyncio.run(compare(running.database_url, arguments.repetitions))


if __name__ == "__main__":
    main()
