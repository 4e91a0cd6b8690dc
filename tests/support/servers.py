"""Kafka and Postgres for the tests: those of the environment, else embedded ones."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
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
from shared.embedded.processes import Guarded
from shared.embedded.servers import Servers, run_servers
from shared.settings import DatabaseSettings
from tests.laws.samples import WORLD

ROLE_PASSWORD = "for tests alone"  # noqa: S105 - of roles that are gone with the test run

# Rollbacks do not reset sequences; they must not reach the ids that tests choose.
AHEAD = """
DO $$ DECLARE sequence regclass; BEGIN
  FOR sequence IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' LOOP
    PERFORM setval(sequence, 1000000);
  END LOOP;
END $$
"""


@dataclass(frozen=True, slots=True)
class TestServers:
    """Addresses of the servers of this test run."""

    __test__ = False

    kafka_bootstrap: str
    database_url: str
    embedded: Servers | None = None

    @property
    def processes(self) -> Mapping[str, Guarded]:
        """The processes of embedded servers, by the names that `/ready` has for them."""
        kafka = self.embedded.kafka if self.embedded else None
        postgres = self.embedded.postgres if self.embedded else None
        found = {
            "Kafka": kafka.process if kafka else None,
            "the database": postgres.process if postgres else None,
        }
        return {name: process for name, process in found.items() if process}


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Start the servers that the environment does not name, and stop them at the end."""
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    database = os.environ.get("DATABASE_URL", "")
    if kafka and database:
        yield TestServers(kafka, database)
        return
    with tempfile.TemporaryDirectory(prefix="chatia-tests-") as folder:
        try:
            running = run_servers(
                Path(folder), kafka=not kafka, postgres=not database, durable=False
            )
            with running as started:
                yield TestServers(
                    kafka or started.kafka_bootstrap, database or started.database_url, started
                )
        except UnreachableError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Kafka available: {error}")


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: TestServers) -> str:
    """Return Kafka's address; each test has topics in a namespace of its own."""
    return servers.kafka_bootstrap


@pytest_asyncio.fixture
async def database_url(servers: TestServers) -> AsyncIterator[str]:
    """Create an empty database for one test."""
    async with cloned(servers.database_url, "template0") as url:
        yield url


def database_named(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def migrated_template(servers: TestServers) -> Iterator[str]:
    """Migrate a template database; cloning it is faster than migrating for each test.

    Clones use its roles, since grants and policies are cloned with the tables.
    """
    name = f"template_{uuid.uuid4().hex[:12]}"
    asyncio.run(_on_server(servers.database_url, f'CREATE DATABASE "{name}"'))
    url = DatabaseSettings.model_validate(
        {"DATABASE_URL": database_named(servers.database_url, name)}
    )
    asyncio.run(upgrade(url.url))
    asyncio.run(make_roles(url.url))
    yield name
    asyncio.run(_on_server(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
    made = ", ".join(f'"{roles.name_role(name, role)}"' for role in roles.ROLES)
    asyncio.run(_on_server(servers.database_url, f"DROP ROLE {made}"))


@pytest_asyncio.fixture
async def migrated_url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Create a migrated database for one test."""
    async with cloned(servers.database_url, migrated_template) as url:
        yield url


@pytest_asyncio.fixture
async def another_migrated_url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Create a second migrated database, for tests that compare two."""
    async with cloned(servers.database_url, migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def shared_migrated_url(servers: TestServers, migrated_template: str) -> Iterator[str]:
    """Create a migrated database for all tests that roll back their changes."""
    with shared_database(servers, migrated_template, AHEAD) as url:
        yield url


@pytest.fixture(scope="session")
def world_url(servers: TestServers, migrated_template: str) -> Iterator[str]:
    """Create a database with the rows of `samples.WORLD`, for tests that roll back."""
    with shared_database(servers, migrated_template, f"{WORLD}; {AHEAD}") as url:
        yield url


@contextmanager
def shared_database(servers: TestServers, template: str, rows: str) -> Iterator[str]:
    """Create a database with rows for several tests, and drop it at the end."""
    name = f"shared_{uuid.uuid4().hex[:12]}"
    create = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
    asyncio.run(_on_server(servers.database_url, create))
    url = database_named(servers.database_url, name)
    asyncio.run(_on_server(url, rows))
    yield url
    asyncio.run(_on_server(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@asynccontextmanager
async def cloned(url: str, template: str) -> AsyncIterator[str]:
    """Clone a database from a template, and drop it at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _on_server(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield database_named(url, name)
    finally:
        await _on_server(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def make_roles(url: str) -> None:
    """Create the roles of services and readers, all with one password."""
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
