"""`chatia worker`, `up` and `demo`: what runs until it is told to stop."""

import asyncio
import importlib
import signal
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import ProgrammingError

from shared import logs
from shared.cli import output, stack
from shared.cli.errors import AnswerIsNo, WorldFailed
from shared.cli.stack import Stack
from shared.delivery.publish import TopicMissingError
from shared.demo.demo import demo as play
from shared.embedded.processes import Guarded
from shared.settings import Settings


class Service(StrEnum):
    """The four services."""

    CONTACTS = "contacts"
    TICKETS = "tickets"
    MESSAGES = "messages"
    CAMPAIGNS = "campaigns"


POLL_S = 0.5
DEMO_SEED = 2026
NO_TABLES = "The database has no tables of ChatIA Flow: run `chatia db upgrade`."

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the embedded servers' state and logs.")
]


def worker(
    service: Annotated[Service, typer.Argument(help="Which of the four services to run.")],
    *,
    processes: Annotated[int, typer.Option(min=1, help="How many worker processes.")] = 1,
) -> None:
    """Run a service's worker: takes its batches until SIGTERM, then finishes the one in hand."""
    settings = Settings()
    if processes > 1:
        _run_many(service, processes)
        return
    logs.configure(settings)
    app = importlib.import_module(f"services.{service}.app").create_app(settings)
    try:
        asyncio.run(app.run())
    except TopicMissingError as error:
        raise WorldFailed(str(error)) from error
    except ProgrammingError as error:
        raise WorldFailed(NO_TABLES) from error


def up(*, state: StateOption = stack.STATE) -> None:
    """Start Kafka, Postgres and the four workers in the foreground; Ctrl-C ends all of them."""
    with _stoppable(), stack.running(state) as running:
        running.start_workers()
        _show_addresses(running)
        _wait_for_the_end(running)


def demo(
    *,
    messages: Annotated[int, typer.Option(min=1, help="Raw gateway events to publish.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same crowd.")] = DEMO_SEED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")] = False,
    state: StateOption = stack.STATE,
) -> None:
    """Start everything, play sample traffic through it, and compare what came of it."""
    started = time.monotonic()
    console = Console()
    with _stoppable(), stack.running(state, allow_mock=True, demo=True) as running:
        for note in running.notes:
            console.print(f"NOTE: {note}", style="bold yellow")
        running.start_workers()
        _show_addresses(running)
        holds = asyncio.run(play(running.settings, messages=messages, seed=seed, console=console))
        for note in running.notes:
            console.print(f"NOTE: {note}", style="bold yellow")
        verdict = "as it must be" if holds else "NOT as it must be"
        console.print(f"All in all: {verdict}, after {time.monotonic() - started:.0f} s.")
        if keep:
            _wait_for_the_end(running)
    if not holds:
        raise AnswerIsNo("What the database holds is not what was published; see the table above.")


def _run_many(service: str, processes: int) -> None:
    """Run several processes of one service, and end all of them when one ends."""
    with _stoppable():
        argv = [sys.executable, "-m", "shared.cli", "worker", service]
        logs_folder = stack.STATE / "logs"
        children = [
            Guarded.start(argv, log_path=logs_folder / f"{service}-{number}.log")
            for number in range(1, processes + 1)
        ]
        try:
            _wait_while_alive(children)
        finally:
            for child in children:
                child.stop()


def _wait_while_alive(children: Sequence[Guarded]) -> None:
    try:
        while all(child.poll() is None for child in children):
            time.sleep(POLL_S)
    except _ToldToStop:
        return
    dead = next(child for child in children if child.poll() is not None)
    raise WorldFailed(f"A worker ended by itself; its log is {dead.log_path}.")


def _wait_for_the_end(running: Stack) -> None:
    output.say("Running; Ctrl-C ends it.")
    _wait_while_alive(running.workers)


def _show_addresses(running: Stack) -> None:
    output.say(f"Kafka:    {running.settings.kafka.bootstrap_servers}")
    output.say(f"Postgres: {stack.without_password(running.settings.database.url)}")
    output.say(f"Logs:     {running.logs}")


class _ToldToStop(Exception):  # noqa: N818 - an order, not an error
    """SIGTERM or Ctrl-C has come."""


class _stoppable:  # noqa: N801 - reads as a word in a with statement
    """Turn SIGTERM and Ctrl-C into an exception once, so that every `finally` runs."""

    def __enter__(self) -> None:
        self._before = {s: signal.signal(s, self._stop) for s in (signal.SIGTERM, signal.SIGINT)}

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return kind is not None and issubclass(kind, _ToldToStop)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        raise _ToldToStop
