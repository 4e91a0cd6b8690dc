"""Runs a whole deployment on one machine: servers, schema, seeds, topics and workers."""

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
from shared.cli.db import explain_errors, read_role_passwords
from shared.cli.errors import ConflictError, DependencyFailedError
from shared.db import migrations, roles
from shared.embedded.errors import AlreadyRunningError, EmbeddedError
from shared.embedded.processes import Guarded
from shared.embedded.progress import build_reporter
from shared.embedded.servers import Servers, run_servers
from shared.settings import DatabaseSettings, KafkaSettings, Settings

STATE_FOLDER = Path(".chatia")
SERVICES = ("contacts", "tickets", "messages", "campaigns")
DEMO_PASSWORD = "123456"  # noqa: S105 - Whaticket's default, only in the demo
DATABASE_VARIABLES = ("DATABASE_URL", "DB_HOST", "DB_NAME")


@dataclass(slots=True)
class Stack:
    """The running servers and workers."""

    settings: Settings
    servers: Servers
    role_passwords: Mapping[str, str]
    workers: list[Guarded] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about the servers, such as that Kafka is replaced by a mock."""
        return self.servers.notes

    @property
    def logs(self) -> Path:
        """The folder of the logs of servers and workers."""
        return self.servers.state / "logs"

    def start_workers(self, **environment: str) -> None:
        """Start one worker of each service under its database role, with additional variables."""
        for service in SERVICES:
            argv = [sys.executable, "-m", "shared.cli", "worker", service]
            login = roles.build_environment(self.settings.database, service, self.role_passwords)
            variables = _build_environment(self.settings) | login | environment
            self.workers.append(self.servers.spawn(service, argv, variables))


@contextmanager
def run_stack(state: Path, *, demo: bool = False) -> Iterator[Stack]:
    """Start servers that the environment does not name, and prepare them, until the block ends.

    Only the demo uses a mock if Kafka cannot be installed.
    """
    environment_settings = Settings()
    try:
        with run_servers(
            state,
            kafka="KAFKA_BOOTSTRAP_SERVERS" not in os.environ,
            postgres=not any(name in os.environ for name in DATABASE_VARIABLES),
            progress=build_reporter(),
            mock_topics=_count_partitions(environment_settings) if demo else None,
        ) as servers:
            settings = _use_servers(environment_settings, servers)
            real_kafka = servers.kafka is None or servers.kafka_is_real
            passwords = servers.role_passwords or read_role_passwords()
            asyncio.run(
                prepare_servers(
                    settings, demo=demo, create_topics=real_kafka, role_passwords=passwords
                )
            )
            yield Stack(settings, servers, passwords)
    except AlreadyRunningError as error:
        raise ConflictError(str(error)) from error
    except EmbeddedError as error:
        raise DependencyFailedError(str(error)) from error


async def prepare_servers(
    settings: Settings, *, demo: bool, create_topics: bool, role_passwords: Mapping[str, str]
) -> None:
    """Apply migrations, seeds, roles and topics; a second call changes nothing.

    Roles are created only if passwords are given, since the login may lack the right. The
    administrator's password is ADMIN_PASSWORD; in the demo it is the one of Whaticket.
    """
    async with explain_errors():
        await migrations.upgrade(settings.database.url)
        engine = create_async_engine(settings.database.url, poolclass=NullPool)
        password = os.environ.get("ADMIN_PASSWORD") or (DEMO_PASSWORD if demo else None)
        async with engine.begin() as conn:
            inserted = await seeds.insert_seeds(conn, password=password)
            if role_passwords:
                await roles.apply(conn, role_passwords)
    for seed in inserted:
        if seed.password and not demo:
            output.print_line(f"The password of admin@admin.com is {seed.password}")
    if create_topics:
        await topics.apply_topics(settings, with_evolution=True)


def remove_password(url: str) -> str:
    """Return the URL of a database without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(("postgresql", host, parts.path, "", ""))


def _count_partitions(settings: Settings) -> dict[str, int]:
    return {
        topic.name: topic.partitions
        for topic in topics.list_deployment_topics(settings, with_evolution=True)
    }


def _use_servers(settings: Settings, servers: Servers) -> Settings:
    changes: dict[str, object] = {}
    if servers.kafka is not None:
        changes["kafka"] = KafkaSettings(bootstrap_servers=servers.kafka_bootstrap)
    if servers.postgres is not None:
        changes["database"] = DatabaseSettings.model_validate(
            {"DATABASE_URL": servers.database_url}
        )
    return settings.model_copy(update=changes)


def _build_environment(settings: Settings) -> dict[str, str]:
    return {"CHATIA_NAMESPACE": settings.namespace}
