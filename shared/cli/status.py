"""`chatia status`: what a deployment does, how late it is, and what needs an operator."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from shared.cli import output
from shared.cli.cluster import build_kafka_arguments
from shared.cli.errors import CheckFailedError, DependencyFailedError
from shared.cli.signals import stop_on_signals
from shared.cli.status_text import build_json, build_text
from shared.settings import Settings
from shared.status.figures import Status
from shared.status.problems import Limits, find_problems
from shared.status.read import read_status

REFRESH_S = 2.0


def status_command(
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")
    ] = False,
    max_lateness: Annotated[
        float, typer.Option(min=0, help="Seconds that a record may wait before it is read.")
    ] = Limits.lateness_s,
    max_unsent: Annotated[
        float, typer.Option(min=0, help="Seconds that a message may wait to be sent.")
    ] = Limits.unsent_s,
    max_dead_letters: Annotated[
        int | None,
        typer.Option(min=0, help="Open dead letters that may be there; any number by default."),
    ] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show workers, backlog, lateness, dead letters, unsent messages and what needs an operator.

    Exit codes: 0 if all is well, 1 if something needs an operator, 3 if Kafka or Postgres does not
    answer; then the rest is shown.
    """
    settings, limits = Settings(), Limits(max_lateness, max_unsent, max_dead_letters)
    build_kafka_arguments(settings.kafka)  # checks them
    if watch:
        with stop_on_signals():
            _watch(settings, limits, as_json=as_json)
        return
    status = asyncio.run(read_status(settings))
    problems = find_problems(status, limits)
    _print(status, problems, as_json=as_json)
    if not (status.kafka.is_up and status.postgres.is_up):
        raise DependencyFailedError(problems[0])
    if problems:
        raise CheckFailedError(f"{len(problems)} to look at.")


def _watch(settings: Settings, limits: Limits, *, as_json: bool) -> None:
    console = _build_console()
    if as_json or not console.is_terminal:
        while True:
            _print_once(settings, limits, as_json=as_json)
            time.sleep(REFRESH_S)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            status = asyncio.run(read_status(settings))
            live.update(build_text(status, find_problems(status, limits)), refresh=True)
            time.sleep(REFRESH_S)


def _print_once(settings: Settings, limits: Limits, *, as_json: bool) -> None:
    status = asyncio.run(read_status(settings))
    _print(status, find_problems(status, limits), as_json=as_json)


def _print(status: Status, problems: list[str], *, as_json: bool) -> None:
    if as_json:
        output.print_json(build_json(status, problems))
        return
    console = _build_console()
    if not console.is_terminal:
        console.width = output.MAX_ROW_WIDTH
    console.print(build_text(status, problems))


def _build_console() -> Console:
    # Built for each call, because tests replace sys.stdout.
    return Console(markup=False, highlight=False, emoji=False)
