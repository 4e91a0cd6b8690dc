"""The whole deployment for one machine: servers, tables, seeds, topics and the four workers."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared import seeds
from shared.cli import output, topics
from shared.cli.db import explained, given_passwords
from shared.cli.errors import AlreadyRunning, WorldFailed
from shared.db import migrations, roles
from shared.embedded.errors import AlreadyRunningError, EmbeddedError
from shared.embedded.processes import Guarded
from shared.embedded.progress import reporter
from shared.embedded.servers import Servers, runtime
from shared.settings import DatabaseSettings, KafkaSettings, Settings

STATE = Path(".chatia")
SERVICES = ("contacts", "tickets", "messages", "campaigns")
DEMO_PASSWORD = "123456"  # noqa: S105 - the seed's own, and only in the demo
DATABASE_VARIABLES = ("DATABASE_URL", "DB_HOST", "DB_NAME")


@dataclass(slots=True)
class Stack:
    """What runs: the servers, and the workers that were started on them."""

    settings: Settings
    servers: Servers
    role_passwords: Mapping[str, str]
    workers: list[Guarded] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know about these servers, such as that one is a stand-in."""
        return self.servers.notes

    @property
    def logs(self) -> Path:
        """Where servers and workers write."""
        return self.servers.state / "logs"

    def start_workers(self, **environment: str) -> None:
        """Start one process of each service under its role, with these variables besides."""
        for service in SERVICES:
            argv = [sys.executable, "-m", "shared.cli", "worker", service]
            login = roles.environment(self.settings.database, service, self.role_passwords)
            variables = _variables(self.settings) | login | environment
            self.workers.append(self.servers.spawn(service, argv, variables))


@contextmanager
def running(state: Path, *, demo: bool = False) -> Iterator[Stack]:
    """Start what the environment does not name, and prepare it; all of it ends with the block.

    Only the demo goes on with a stand-in where no Kafka can be had.
    """
    base = Settings()
    try:
        with runtime(
            state,
            kafka="KAFKA_BOOTSTRAP_SERVERS" not in os.environ,
            postgres=not any(name in os.environ for name in DATABASE_VARIABLES),
            progress=reporter(),
            mock_topics=_all_topics(base) if demo else None,
        ) as servers:
            settings = _with_servers(base, servers)
            real_kafka = servers.kafka is None or servers.kafka_is_real
            passwords = servers.role_passwords or given_passwords()
            asyncio.run(
                prepare(settings, demo=demo, create_topics=real_kafka, role_passwords=passwords)
            )
            yield Stack(settings, servers, passwords)
    except AlreadyRunningError as error:
        raise AlreadyRunning(str(error)) from error
    except EmbeddedError as error:
        raise WorldFailed(str(error)) from error


async def prepare(
    settings: Settings, *, demo: bool, create_topics: bool, role_passwords: Mapping[str, str]
) -> None:
    """Bring tables, seeds, roles and topics up to date; repeated, it changes nothing.

    Roles are made where their passwords are known: elsewhere one may have no right to.
    The administrator's password is that of ADMIN_PASSWORD; the demo's is the seed's own (seed 5.3).
    """
    async with explained():
        await migrations.upgrade(settings.database.url)
        engine = create_async_engine(settings.database.url, poolclass=NullPool)
        password = os.environ.get("ADMIN_PASSWORD") or (DEMO_PASSWORD if demo else None)
        async with engine.begin() as conn:
            planted = await seeds.plant(conn, password=password)
            if role_passwords:
                await roles.apply(conn, role_passwords)
    for seed in planted:
        if seed.password and not demo:
            output.say(f"The password of admin@admin.com is {seed.password}")
    if create_topics:
        await topics.apply(settings, with_evolution=True)


def without_password(url: str) -> str:
    """Show where a database is, and not how to enter it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(("postgresql", host, parts.path, "", ""))


def _all_topics(settings: Settings) -> dict[str, int]:
    return {
        topic.name: topic.partitions
        for topic in topics.deployment_topics(settings, with_evolution=True)
    }


def _with_servers(base: Settings, servers: Servers) -> Settings:
    changes: dict[str, object] = {}
    if servers.kafka is not None:
        changes["kafka"] = KafkaSettings(bootstrap_servers=servers.kafka_bootstrap)
    if servers.postgres is not None:
        changes["database"] = DatabaseSettings.model_validate(
            {"DATABASE_URL": servers.database_url}
        )
    return base.model_copy(update=changes)


def _variables(settings: Settings) -> dict[str, str]:
    return {"CHATIA_NAMESPACE": settings.namespace}
