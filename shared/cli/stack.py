"""Runs a whole deployment on one machine: servers, schema, seeds, topics and workers."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from shared import seeds
from shared.cli import output, topics
from shared.cli.db_connection import explain_errors
from shared.cli.db_roles import read_role_passwords
from shared.cli.errors import ConflictError, DependencyFailedError, InvalidUsageError
from shared.cli.ports import Ports, check_ports, choose_ports
from shared.db import migrations, roles
from shared.db.engine import create_unpooled_engine
from shared.db.identity import record_identity
from shared.embedded import folders
from shared.embedded.errors import AlreadyRunningError, EmbeddedError
from shared.embedded.kafka import Kafka
from shared.embedded.processes import Guarded
from shared.embedded.progress import build_reporter
from shared.embedded.servers import Servers, run_servers
from shared.embedded.supervisor import Program, Supervisor
from shared.settings import DatabaseSettings, KafkaSettings, Settings

SERVICES = ("contacts", "tickets", "messages", "campaigns")
DEMO_PASSWORD = "123456"  # noqa: S105 - Whaticket's default, only in the demo
PROBE_LIMIT_S = 2.0
DATABASE_VARIABLES = ("DATABASE_URL", "DB_HOST", "DB_NAME")


@dataclass(frozen=True, slots=True)
class Stack:
    """The running servers and workers, and the supervisor that starts them again."""

    settings: Settings
    servers: Servers
    role_passwords: Mapping[str, str]
    ports: Ports
    webhook_secret: str
    supervisor: Supervisor

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
        output.print_line("Starting the workers")
        for service in SERVICES:
            self.supervisor.start(
                Program(
                    service,
                    self.logs / f"{service}.log",
                    partial(self._start_worker, service, environment),
                    partial(is_ready, self.ports.health[service]),
                    final_codes=(InvalidUsageError.exit_code,),
                    ends_with_message=True,
                )
            )

    def write_runtime_file(self) -> None:
        """Write all that `chatia env` prints to runtime.json, which only its owner can read."""
        logins = {service: self._build_login(service) for service in SERVICES}
        self.servers.write_runtime_file(
            {
                **_build_environment(self.settings),
                "CHATIA_WEBHOOK_SECRET": self.webhook_secret,
                "logins": {
                    service: login["DATABASE_URL"].replace("+asyncpg", "", 1)  # as psql reads it
                    for service, login in logins.items()
                    if login
                },
                "health": dict(self.ports.health),
                "webhooks": self.ports.webhooks,
            }
        )

    def _start_worker(self, service: str, environment: Mapping[str, str]) -> Guarded:
        variables = {
            **_build_environment(self.settings),
            "CHATIA_WEBHOOK_SECRET": self.webhook_secret,
            **self.ports.build_environment(service),
            **self._build_login(service),
            **environment,
        }
        argv = [sys.executable, "-m", "shared.cli", "worker", service]
        return self.servers.spawn(service, argv, variables)

    def _build_login(self, service: str) -> dict[str, str]:
        return roles.build_environment(self.settings.database, service, self.role_passwords)


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
            check_first=partial(check_ports, environment_settings, SERVICES),
        ) as servers:
            settings = _use_servers(environment_settings, servers)
            real_kafka = servers.kafka is None or servers.kafka_is_real
            passwords = servers.role_passwords or read_role_passwords()
            asyncio.run(
                prepare_servers(
                    settings, demo=demo, create_topics=real_kafka, role_passwords=passwords
                )
            )
            stack = Stack(
                settings,
                servers,
                passwords,
                choose_ports(settings, SERVICES),
                folders.keep_webhook_secret(
                    servers.state, settings.webhooks.secret.get_secret_value()
                ),
                _supervise_servers(servers),
            )
            stack.write_runtime_file()
            yield stack
    except AlreadyRunningError as error:
        raise ConflictError(str(error)) from error
    except EmbeddedError as error:
        raise DependencyFailedError(str(error)) from error


def is_ready(port: int) -> bool:
    """Return whether the worker with this health port says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PROBE_LIMIT_S)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _supervise_servers(servers: Servers) -> Supervisor:
    supervisor = Supervisor(_say)
    kafka, postgres = servers.kafka, servers.postgres
    if isinstance(kafka, Kafka) and kafka.process:
        program = Program("Kafka", kafka.log_path, kafka.launch, kafka.is_ready)
        supervisor.adopt(program, kafka.process)
    if postgres and postgres.process:
        program = Program("Postgres", postgres.log_path, postgres.launch, postgres.is_ready)
        supervisor.adopt(program, postgres.process)
    return supervisor


def _say(line: str) -> None:
    """Print a line with the time, since it may be read much later."""
    output.print_line(f"{datetime.now(UTC).astimezone():%H:%M:%S} {line}")


async def prepare_servers(
    settings: Settings, *, demo: bool, create_topics: bool, role_passwords: Mapping[str, str]
) -> None:
    """Apply migrations, seeds, roles and topics; a second call changes nothing.

    Roles are created only if passwords are given, since the login may lack the right. The
    administrator's password is ADMIN_PASSWORD; in the demo it is the one of Whaticket.
    """
    async with explain_errors():
        await migrations.upgrade(settings.database.url)
        engine = create_unpooled_engine(settings.database.url, "chatia up")
        password = os.environ.get("ADMIN_PASSWORD") or (DEMO_PASSWORD if demo else None)
        async with engine.begin() as conn:
            await record_identity(conn)
            inserted = await seeds.insert_seeds(conn, password=password)
            if role_passwords:
                await roles.apply(conn, role_passwords)
    for seed in inserted:
        if seed.password and not demo:
            output.print_line(f"The password of admin@admin.com is {seed.password}")
    if create_topics:
        await topics.apply_topics(settings)


def remove_password(url: str) -> str:
    """Return the URL of a database without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(("postgresql", host, parts.path, "", ""))


def _count_partitions(settings: Settings) -> dict[str, int]:
    return {topic.name: topic.partitions for topic in topics.list_deployment_topics(settings)}


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
    return {
        "CHATIA_NAMESPACE": settings.namespace,
        "CHATIA_EVOLUTION_PREFIX": settings.evolution_prefix,
    }
