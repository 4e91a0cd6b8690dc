"""`chatia up` and `chatia demo`: everything on one machine, with nothing installed before."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.cli import stack
from shared.cli.errors import AnswerIsNo
from shared.cli.gateway_sim import Simulated
from shared.cli.signals import stoppable
from shared.cli.stack import Stack
from shared.cli.worker import wait_while_alive
from shared.demo import play
from shared.embedded import ready

DEMO_SEED = 2026
SENDER = {"CHATIA_SENDER": "on", "CHATIA_EVOLUTION_API_KEY": "demo"}

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the embedded servers' state and logs.")
]


def up(*, state: StateOption = stack.STATE) -> None:
    """Start Kafka, Postgres and the four workers in the foreground; Ctrl-C ends all of them."""
    console = Console(highlight=False)
    with stoppable(), stack.running(state) as running:
        _introduce(console, running)
        running.start_workers()
        _stay(console, running)


def demo(
    *,
    messages: Annotated[int, typer.Option(min=1, help="Raw gateway events to publish.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same crowd.")] = DEMO_SEED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")] = False,
    state: StateOption = stack.STATE,
) -> None:
    """Start everything, play sample traffic through it, and compare what came of it."""
    started = time.monotonic()
    console = Console(highlight=False)
    holds = False
    with stoppable(), stack.running(state, demo=True) as running:
        _introduce(console, running)
        running.start_workers(**SENDER)
        holds = asyncio.run(_play(running, messages, seed, console))
        _sum_up(console, running, holds=holds, seconds=time.monotonic() - started)
        if keep:
            _stay(console, running)
    if not holds:
        raise AnswerIsNo("What the database holds is not what was published.")


async def _play(running: Stack, messages: int, seed: int, console: Console) -> bool:
    """Play against a simulated gateway, which is there as long as the play lasts."""
    simulated = Simulated("evolution")
    (port,) = ready.free_ports(1)
    async with simulated.serving(port):
        gateway = play.Gateway(f"http://127.0.0.1:{port}", simulated.sent)
        return await play.demo(
            running.settings, messages=messages, seed=seed, console=console, gateway=gateway
        )


def _introduce(console: Console, running: Stack) -> None:
    for note in running.notes:
        console.print(f"NOTE: {note}", style="bold yellow")
    console.print(f"Kafka     {running.settings.kafka.bootstrap_servers}")
    console.print(f"Postgres  {stack.without_password(running.settings.database.url)}")
    console.print(f"Logs      {running.logs}")


def _sum_up(console: Console, running: Stack, *, holds: bool, seconds: float) -> None:
    for note in running.notes:
        console.print(f"NOTE: {note}", style="bold yellow")
    verdict = "Everything came out as it must" if holds else "It did NOT come out as it must"
    console.print(f"{verdict}, {seconds:.0f} s after the start.", style="bold")


def _stay(console: Console, running: Stack) -> None:
    console.print("Running; Ctrl-C ends it.")
    wait_while_alive([*running.servers.processes, *running.workers])
