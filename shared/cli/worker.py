"""`chatia worker`: runs one of the four services."""

import asyncio
import importlib
import os
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from faststream import FastStream
from sqlalchemy.exc import DBAPIError

from shared import logs
from shared.cli.db_errors import build_connection_error, build_error
from shared.cli.errors import ConflictError, DependencyFailedError, RefusedError
from shared.cli.signals import stop_on_signals
from shared.db.errors import read_sqlstate
from shared.db.identity import DatabaseReplacedError
from shared.delivery.checkpoints.restored import WentBackError
from shared.delivery.health.http_server import PortTakenError
from shared.delivery.health.startup import await_servers
from shared.delivery.kafka.member_checks import ForeignMemberError, InstanceTakenError
from shared.delivery.kafka.publisher import TopicMissingError
from shared.embedded.processes import Guarded
from shared.settings import Settings
from shared.unread_variables import find_unread

log = structlog.get_logger("chatia.worker")

POLL_S = 0.5
END_WITHIN_S = 50  # after SIGTERM; docker-compose.yml kills after 60


class Service(StrEnum):
    """The four services."""

    CONTACTS = "contacts"
    TICKETS = "tickets"
    MESSAGES = "messages"
    CAMPAIGNS = "campaigns"


def worker(
    service: Annotated[Service, typer.Argument(help="Which of the four services to run.")],
    *,
    processes: Annotated[int, typer.Option(min=1, help="How many worker processes.")] = 1,
) -> None:
    """Run a worker of a service until SIGTERM; it finishes its current batch first."""
    settings = Settings()
    logs.configure(settings.logs)
    _log_unread_variables()
    if processes > 1:
        _run_processes(service, processes, settings)
        return
    # Imported by name, because `shared` must not import services.
    app = importlib.import_module(f"services.{service}.app").create_app(settings)
    try:
        with stop_on_signals():
            asyncio.run(_run_app(app, settings))
    except (DatabaseReplacedError, ForeignMemberError, WentBackError) as error:
        raise RefusedError(str(error)) from error
    except (InstanceTakenError, PortTakenError) as error:
        raise ConflictError(str(error)) from error
    except TopicMissingError as error:
        raise DependencyFailedError(str(error)) from error
    except DBAPIError as error:
        raise build_error(read_sqlstate(error), str(error.orig)) from error
    except (ssl.SSLError, TimeoutError) as error:
        raise build_connection_error(error) from error
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise DependencyFailedError(
            f"Kafka at {settings.kafka.bootstrap_servers} does not answer: start it, or set "
            "KAFKA_BOOTSTRAP_SERVERS."
        ) from error


def _log_unread_variables() -> None:
    for variable in find_unread(os.environ):
        log.warning("setting.unread", variable=variable.name, nearest=variable.nearest)


async def _run_app(app: FastStream, settings: Settings) -> None:
    await await_servers(settings)
    app.on_shutdown(_limit_shutdown)
    await app.run()


def _limit_shutdown() -> None:
    """Let the kernel end the process if frozen servers hold up its end; nothing is lost by that."""
    signal.alarm(END_WITHIN_S)


def wait_while_alive(children: Sequence[Guarded]) -> None:
    """Wait until a signal; raises DependencyFailedError when a process ends by itself."""
    while all(child.poll() is None for child in children):
        time.sleep(POLL_S)
    dead = next(child for child in children if child.poll() is not None)
    raise DependencyFailedError(
        f"{dead.log_path.stem} ended by itself; its log is {dead.log_path}."
    )


def _run_processes(service: str, processes: int, settings: Settings) -> None:
    """Run several processes of a service; when one ends, end all, so that a failure is noticed."""
    folder = Path(tempfile.mkdtemp(prefix=f"chatia-{service}-"))
    children: list[Guarded] = []
    try:
        with stop_on_signals():
            for number in range(1, processes + 1):
                argv = [sys.executable, "-m", "shared.cli", "worker", service]
                env = os.environ | _build_own_variables(number, settings)
                log_path = folder / f"{number}.log"
                children.append(Guarded.start(argv, log_path=log_path, env=env))
            typer.echo(f"{processes} {service} workers; their logs are in {folder}.")
            wait_while_alive(children)
    finally:
        for child in children:
            child.stop()


def _build_own_variables(number: int, settings: Settings) -> dict[str, str]:
    """Return the variables that differ by process: group instance id and ports."""
    own = {}
    if settings.worker.group_instance_id:
        own["CHATIA_GROUP_INSTANCE_ID"] = f"{settings.worker.group_instance_id}-{number}"
    if settings.health.port:
        own["CHATIA_HEALTH_PORT"] = str(settings.health.port + number - 1)
    if settings.webhooks.port:
        own["CHATIA_WEBHOOK_PORT"] = str(settings.webhooks.port + number - 1)
    return own
