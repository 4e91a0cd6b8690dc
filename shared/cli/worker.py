"""`chatia worker`: one of the four services, as operators run it."""

import asyncio
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaConnectionError
from faststream import FastStream
from sqlalchemy.exc import DBAPIError

from shared import logs
from shared.cli.db_errors import complaint
from shared.cli.errors import AlreadyRunning, Refused, WorldFailed
from shared.cli.signals import stoppable
from shared.delivery.awaiting import await_servers
from shared.delivery.http import PortTakenError
from shared.delivery.membership import ForeignMemberError, InstanceTakenError
from shared.delivery.publish import TopicMissingError
from shared.delivery.settle import sqlstate_of
from shared.embedded.processes import Guarded
from shared.settings import Settings

POLL_S = 0.5


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
    """Run a service's worker: takes its batches until SIGTERM, then finishes the one in hand."""
    settings = Settings()
    if processes > 1:
        _run_many(service, processes, settings)
        return
    logs.configure(settings)
    # By name, because `shared` knows no service; the command line is only where they are started.
    app = importlib.import_module(f"services.{service}.app").create_app(settings)
    try:
        with stoppable():
            asyncio.run(_serve(app, settings))
    except ForeignMemberError as error:
        raise Refused(str(error)) from error
    except (InstanceTakenError, PortTakenError) as error:
        raise AlreadyRunning(str(error)) from error
    except TopicMissingError as error:
        raise WorldFailed(str(error)) from error
    except DBAPIError as error:
        raise complaint(sqlstate_of(error), str(error.orig)) from error
    except KafkaConnectionError as error:
        raise WorldFailed(
            f"Kafka at {settings.kafka.bootstrap_servers} does not answer: start it, or set "
            "KAFKA_BOOTSTRAP_SERVERS."
        ) from error


async def _serve(app: FastStream, settings: Settings) -> None:
    await await_servers(settings)
    await app.run()


def wait_while_alive(children: Sequence[Guarded]) -> None:
    """Wait until told to stop; raises WorldFailed when one of the processes ends by itself."""
    while all(child.poll() is None for child in children):
        time.sleep(POLL_S)
    dead = next(child for child in children if child.poll() is not None)
    raise WorldFailed(f"{dead.log_path.stem} ended by itself; its log is {dead.log_path}.")


def _run_many(service: str, processes: int, settings: Settings) -> None:
    """Run several processes of one service; all end when one does, so that none is missed."""
    folder = Path(tempfile.mkdtemp(prefix=f"chatia-{service}-"))
    children: list[Guarded] = []
    try:
        with stoppable():
            for number in range(1, processes + 1):
                argv = [sys.executable, "-m", "shared.cli", "worker", service]
                env = os.environ | _own(number, settings)
                log_path = folder / f"{number}.log"
                children.append(Guarded.start(argv, log_path=log_path, env=env))
            typer.echo(f"{processes} {service} workers; their logs are in {folder}.")
            wait_while_alive(children)
    finally:
        for child in children:
            child.stop()


def _own(number: int, settings: Settings) -> dict[str, str]:
    """Give what no two processes may share: their names in the group, their ports."""
    own = {}
    if settings.group_instance_id:
        own["CHATIA_GROUP_INSTANCE_ID"] = f"{settings.group_instance_id}-{number}"
    if settings.health_port:
        own["CHATIA_HEALTH_PORT"] = str(settings.health_port + number - 1)
    if settings.webhook_port:
        own["CHATIA_WEBHOOK_PORT"] = str(settings.webhook_port + number - 1)
    return own
