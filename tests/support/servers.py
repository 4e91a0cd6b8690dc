"""A real Kafka and a real Postgres for the tests: those of the environment, else embedded ones."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import roles
from shared.db.migrations import upgrade
from shared.embedded.errors import UnreachableError
from shared.embedded.servers import runtime
from shared.settings import DatabaseSettings
from tests.laws.samples import WORLD

ROLE_PASSWORD = "for tests alone"  # noqa: S105 - of roles that are gone with the test run

# What is taken back leaves sequences where they are; they must not run into ids that tests choose.
AHEAD = """
DO $$ DECLARE sequence regclass; BEGIN
  FOR sequence IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' LOOP
    PERFORM setval(sequence, 1000000);
  END LOOP;
END $$
"""


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
    async with cloned(servers.database_url, "template0") as url:
        yield url


def database_named(url: str, name: str) -> str:
    """Point a URL to another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def migrated_template(servers: TestServers) -> Iterator[str]:
    """Migrate one database, which the tests then clone: cloning is faster than migrating.

    Its roles are those of the clones as well, for grants and policies are cloned with the tables.
    """
    name = f"template_{uuid.uuid4().hex[:12]}"
    asyncio.run(_on_server(servers.database_url, f'CREATE DATABASE "{name}"'))
    url = DatabaseSettings.model_validate(
        {"DATABASE_URL": database_named(servers.database_url, name)}
    )
    asyncio.run(upgrade(url.url))
    asyncio.run(_make_roles(url.url))
    yield name
    asyncio.run(_on_server(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
    made = ", ".join(f'"{roles.login(name, role)}"' for role in roles.ROLES)
    asyncio.run(_on_server(servers.database_url, f"DROP ROLE {made}"))


@pytest_asyncio.fixture
async def migrated_url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Make a migrated database of its own for one test."""
    async with cloned(servers.database_url, migrated_template) as url:
        yield url


@pytest_asyncio.fixture
async def another_migrated_url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Make a second one, for tests that compare two."""
    async with cloned(servers.database_url, migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def shared_migrated_url(servers: TestServers, migrated_template: str) -> Iterator[str]:
    """Make one migrated database for all tests that take back whatever they do."""
    with _shared(servers, migrated_template, AHEAD) as url:
        yield url


@pytest.fixture(scope="session")
def world_url(servers: TestServers, migrated_template: str) -> Iterator[str]:
    """Make one with the company of the tests of laws, for tests that take back what they do."""
    with _shared(servers, migrated_template, f"{WORLD}; {AHEAD}") as url:
        yield url


@contextmanager
def _shared(servers: TestServers, template: str, rows: str) -> Iterator[str]:
    name = f"shared_{uuid.uuid4().hex[:12]}"
    create = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
    asyncio.run(_on_server(servers.database_url, create))
    url = database_named(servers.database_url, name)
    asyncio.run(_on_server(url, rows))
    yield url
    asyncio.run(_on_server(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@asynccontextmanager
async def cloned(url: str, template: str) -> AsyncIterator[str]:
    """Make a database of its own from a template, and drop it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _on_server(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield database_named(url, name)
    finally:
        await _on_server(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _make_roles(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as conn:
        await roles.apply(conn, dict.fromkeys(roles.ROLES, ROLE_PASSWORD))
    await engine.dispose()


async def _on_server(url: str, command: str) -> None:
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(command)
    finally:
        await admin.close()
