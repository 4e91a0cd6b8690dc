"""Servers, topics, companies and workers for measurements."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.cli import cluster
from shared.db import migrations, roles
from shared.delivery.kafka import clients
from shared.embedded.processes import Guarded
from shared.embedded.servers import Servers, run_servers
from shared.settings import DatabaseSettings, KafkaSettings, Settings
from shared.topics import TOPICS, build_evolution_topics
from tests.benchmarks.load import Load

PARTITIONS = 12
SERVICES = ("contacts", "tickets", "messages", "campaigns")
START_S = 60.0
PROGRAM = "shared.cli"
ANALYZE = text("ANALYZE")
COMPANIES = text("""
INSERT INTO "Companies" (id, name) SELECT n, 'Empresa ' || n FROM generate_series(1, :last) AS n
""")
LINES = text("""
INSERT INTO "Whatsapps" (id, "companyId", name)
SELECT n, n, 'Linha ' || n FROM generate_series(1, :last) AS n
""")


@contextmanager
def servers(state: Path) -> Iterator[tuple[Servers, Settings]]:
    """Run Kafka and Postgres with fsync until the block ends."""
    with run_servers(state) as running:
        yield running, settings_of(running)


def settings_of(running: Servers) -> Settings:
    """Return the settings for these servers."""
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=running.kafka_bootstrap),
        database=DatabaseSettings.model_validate({"DATABASE_URL": running.database_url}),
    )


async def prepare(running: Servers, settings: Settings, companies: int) -> None:
    """Create tables, roles, topics, and companies with one line each; ids are 1, 2, 3 …"""
    await migrations.upgrade(settings.database.url)
    own = [replace(t, name=f"{settings.namespace}.{t.name}", partitions=PARTITIONS) for t in TOPICS]
    async with cluster.connect_admin(settings.kafka) as admin:
        await cluster.create_topics(
            admin, own + list(build_evolution_topics(settings.evolution_prefix))
        )
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    async with engine.begin() as conn:
        await roles.apply(conn, running.role_passwords)
        for statement in (COMPANIES, LINES):
            await conn.execute(statement, {"last": companies})
    await engine.dispose()


async def analyze(settings: Settings) -> None:
    """Run ANALYZE, as autovacuum would within a minute."""
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    async with engine.begin() as conn:
        await conn.execute(ANALYZE)
    await engine.dispose()


@asynccontextmanager
async def workers(
    running: Servers, environment: Mapping[str, str], program: str = PROGRAM
) -> AsyncIterator[None]:
    """Run one process of each service until the block ends; `program` is a module."""
    logs = {name: running.state / "logs" / f"{name}.log" for name in SERVICES}
    begins = {name: log.stat().st_size if log.exists() else 0 for name, log in logs.items()}
    processes = [start(running, name, environment, program) for name in SERVICES]
    try:
        async with asyncio.timeout(START_S):
            for name, log in logs.items():
                while b"partitions.assigned" not in log.read_bytes()[begins[name] :]:  # noqa: ASYNC110 - a log tells nobody
                    await asyncio.sleep(0.1)
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))


@asynccontextmanager
async def load(settings: Settings) -> AsyncIterator[Load]:
    """Yield a load that is connected and records stored messages."""
    async with AsyncExitStack() as stack:
        address = clients.build_client_arguments(settings.kafka)
        producer = AIOKafkaProducer(**address, acks="all", compression_type="lz4")
        watcher = AIOKafkaConsumer(**address, enable_auto_commit=False, fetch_max_wait_ms=20)
        await producer.start()
        stack.push_async_callback(producer.stop)
        await watcher.start()
        stack.push_async_callback(watcher.stop)
        made = Load(settings.namespace, producer, watcher, PARTITIONS)
        watching = asyncio.create_task(made.watch())
        stack.callback(watching.cancel)
        yield made


def start(
    running: Servers, service: str, environment: Mapping[str, str], program: str = PROGRAM
) -> Guarded:
    """Start a worker process under the role of its service."""
    database = settings_of(running).database
    login = roles.build_environment(database, service, running.role_passwords)
    argv = [sys.executable, "-m", program, "worker", service]
    return running.spawn(service, argv, login | dict(environment))
