"""A real Kafka and a real Postgres for the tests: those of the environment, else embedded ones."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from shared.embedded.errors import UnreachableError
from shared.embedded.servers import runtime


@dataclass(frozen=True, slots=True)
class TestServers:
    """Where the servers of this test run are."""

    __test__ = False

    kafka_bootstrap: str
    database_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Start what the environment does not name, and stop it at the end of the run."""
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    database = os.environ.get("DATABASE_URL", "")
    if kafka and database:
        yield TestServers(kafka, database)
        return
    with tempfile.TemporaryDirectory(prefix="chatia-tests-") as folder:
        try:
            running = runtime(Path(folder), kafka=not kafka, postgres=not database, durable=False)
            with running as started:
                yield TestServers(
                    kafka or started.kafka_bootstrap, database or started.database_url
                )
        except UnreachableError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Kafka can be had here: {error}")


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: TestServers) -> str:
    """Name the real Kafka's address; topics are told apart by a namespace a test."""
    return servers.kafka_bootstrap


@pytest_asyncio.fixture
async def database_url(servers: TestServers) -> AsyncIterator[str]:
    """Make an empty database of its own for one test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(servers.database_url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield database_named(servers.database_url, name)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


def database_named(url: str, name: str) -> str:
    """Point a URL to another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def create_from_template(url: str, template: str) -> str:
    """Clone a database, which is faster than migrating a new one; gives the clone's URL."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await admin.close()
    return database_named(url, name)


def run(coroutine: object) -> None:
    """Run a coroutine from a synchronous session fixture, on a loop of its own."""
    asyncio.run(coroutine)  # type: ignore[arg-type]
