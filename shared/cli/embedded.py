"""`chatia up` and `chatia demo`: servers and workers on one machine, without installation."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.cli import stack
from shared.cli.errors import CheckFailedError
from shared.cli.gateway_sim import SimulatedGateway
from shared.cli.signals import stop_on_signals
from shared.cli.stack import Stack
from shared.cli.worker import wait_while_alive
from shared.dev.demo import run as demo_run
from shared.embedded import ready

DEFAULT_SEED = 2026
SENDER_VARIABLES = {"CHATIA_SENDER": "on", "CHATIA_EVOLUTION_API_KEY": "demo"}

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the embedded servers' state and logs.")
]


def up(*, state: StateOption = stack.STATE_FOLDER) -> None:
    """Start Kafka, Postgres and the four workers in the foreground; Ctrl-C ends all of them."""
    console = Console(highlight=False)
    with stop_on_signals(), stack.run_stack(state) as running:
        _print_servers(console, running)
        running.start_workers()
        _wait_for_stop(console, running)


def demo(
    *,
    messages: Annotated[int, typer.Option(min=1, help="Raw gateway events to publish.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same traffic.")] = DEFAULT_SEED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")] = False,
    state: StateOption = stack.STATE_FOLDER,
) -> None:
    """Start everything, publish sample traffic, and check the resulting rows."""
    started = time.monotonic()
    console = Console(highlight=False)
    passed = False
    with stop_on_signals(), stack.run_stack(state, demo=True) as running:
        _print_servers(console, running)
        running.start_workers(**SENDER_VARIABLES)
        passed = asyncio.run(_run_demo(running, messages, seed, console))
        _print_summary(console, running, passed=passed, seconds=time.monotonic() - started)
        if keep:
            _wait_for_stop(console, running)
    if not passed:
        raise CheckFailedError("What the database holds is not what was published.")


async def _run_demo(running: Stack, messages: int, seed: int, console: Console) -> bool:
    """Run the demo with a simulated gateway that the workers send to."""
    simulated = SimulatedGateway("evolution")
    (port,) = ready.find_free_ports(1)
    async with simulated.serve(port):
        gateway = demo_run.Gateway(f"http://127.0.0.1:{port}", simulated.sent)
        return await demo_run.run_demo(
            running.settings, messages=messages, seed=seed, console=console, gateway=gateway
        )


def _print_servers(console: Console, running: Stack) -> None:
    for note in running.notes:
        console.print(f"NOTE: {note}", style="bold yellow")
    console.print(f"Kafka     {running.settings.kafka.bootstrap_servers}")
    console.print(f"Postgres  {stack.remove_password(running.settings.database.url)}")
    console.print(f"Logs      {running.logs}")


def _print_summary(console: Console, running: Stack, *, passed: bool, seconds: float) -> None:
    for note in running.notes:
        console.print(f"NOTE: {note}", style="bold yellow")
    verdict = "Everything came out as it must" if passed else "It did NOT come out as it must"
    console.print(f"{verdict}, {seconds:.0f} s after the start.", style="bold")


def _wait_for_stop(console: Console, running: Stack) -> None:
    console.print("Running; Ctrl-C ends it.")
    wait_while_alive([*running.servers.processes, *running.workers])
