"""`chatia up` and `chatia demo`: servers and workers on one machine, without installation."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.cli import output, stack
from shared.cli.environment import STATE_FOLDER, StateOption
from shared.cli.errors import CheckFailedError
from shared.cli.gateway_sim import SimulatedGateway
from shared.cli.ports import WEBHOOK_PORT
from shared.cli.signals import stop_on_signals
from shared.cli.stack import Stack
from shared.dev.demo import run as demo_run
from shared.embedded import ready

DEFAULT_SEED = 2026
READY_LIMIT_S = 60.0
SENDER_VARIABLES = {"CHATIA_SENDER": "on", "CHATIA_EVOLUTION_API_KEY": "demo"}


def up(*, state: StateOption = STATE_FOLDER) -> None:
    """Start Kafka, Postgres and the four workers in the foreground; Ctrl-C ends all of them.

    What ends by itself is started again, each time after a longer pause, and a line says so.
    """
    started = time.monotonic()
    with stop_on_signals(), stack.run_stack(state) as running:
        _print_notes(running)
        running.start_workers()
        _keep_running(running, state, started)


def demo(
    *,
    messages: Annotated[int, typer.Option(min=1, help="Raw gateway events to publish.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same traffic.")] = DEFAULT_SEED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")] = False,
    state: StateOption = STATE_FOLDER,
) -> None:
    """Start everything, publish sample traffic, and check the resulting rows."""
    started = time.monotonic()
    console = Console(highlight=False)
    passed = False
    with stop_on_signals(), stack.run_stack(state, demo=True) as running:
        _print_notes(running)
        running.start_workers(**SENDER_VARIABLES)
        passed = asyncio.run(_run_demo(running, messages, seed, console))
        _print_verdict(console, running, passed=passed, seconds=time.monotonic() - started)
        if keep:
            _keep_running(running, state, started)
    if not passed:
        raise CheckFailedError("What the database holds is not what was published.")
    if not keep:
        _print_way_back(state)


async def _run_demo(running: Stack, messages: int, seed: int, console: Console) -> bool:
    """Run the demo with a simulated gateway that the workers send to."""
    simulated = SimulatedGateway("evolution")
    (port,) = ready.find_free_ports(1)
    async with simulated.serve(port):
        gateway = demo_run.Gateway(f"http://127.0.0.1:{port}", simulated.sent)
        return await demo_run.run_demo(
            running.settings, messages=messages, seed=seed, console=console, gateway=gateway
        )


def _keep_running(running: Stack, state: Path, started: float) -> None:
    """Say how to reach everything once it is ready, and keep it running until a signal."""
    awaited = running.supervisor.wait_until_ready(READY_LIMIT_S)
    for name in awaited:
        log = running.logs / f"{name.lower()}.log"
        output.print_line(f"{name} is not ready after {READY_LIMIT_S:.0f} s. Its log: {log}")
    if not awaited:
        output.print_line(f"Everything runs, {time.monotonic() - started:.0f} s after the start.")
    for line in describe(running, state):
        output.print_line(line)
    try:
        running.supervisor.run()
    finally:
        output.print_line("Stopping the workers and the servers")


def describe(running: Stack, state: Path) -> list[str]:
    """Return the lines that say how to reach the servers and workers, and what to do next."""
    health = [
        f"{service} http://localhost:{port}/ready" for service, port in running.ports.health.items()
    ]
    webhooks = f"http://localhost:{running.ports.webhooks}"
    postgres = running.servers.postgres
    return [
        "",
        f"Webhooks  {webhooks}/gateways/GATEWAY/COMPANY/LINE{_explain_port(running)}",
        *_align("Health", health),
        f"Kafka     {running.settings.kafka.bootstrap_servers}",
        f"Postgres  {stack.remove_password(running.settings.database.url)}",
        f"Logs      {running.logs}",
        *([f"Rows      {postgres.cluster.folder}"] if postgres else []),
        "",
        "Next, in another terminal in this folder:",
        f"  {_name_env_command(state)}",
        '  psql "$DATABASE_URL"',
        "  chatia gateway token evolution --company 1 --line 1   # the rest of a webhook's address",
        "  chatia status",
        "  chatia dead-letters list",
        "Ctrl-C ends everything.",
    ]


def _explain_port(running: Stack) -> str:
    """Return why the webhooks have another port than usual, as gateways may post to that one."""
    is_chosen = not running.settings.webhooks.port and running.ports.webhooks != WEBHOOK_PORT
    return f" (port {WEBHOOK_PORT} is taken)" if is_chosen else ""


def _align(word: str, values: list[str]) -> list[str]:
    """Return a line for each value, the first with the word before it."""
    return [f"{'' if number else word:<10}{value}" for number, value in enumerate(values)]


def _name_program() -> str:
    """Return how this program was called, or its name if it was called as a module."""
    return sys.argv[0] if Path(sys.argv[0]).name == "chatia" else "chatia"


def _name_env_command(state: Path) -> str:
    option = "" if state == STATE_FOLDER else f" --state {state}"
    return f'eval "$({_name_program()} env{option})"'


def _print_notes(running: Stack) -> None:
    for note in running.notes:
        Console(highlight=False).print(f"NOTE: {note}", style="bold yellow")


def _print_verdict(console: Console, running: Stack, *, passed: bool, seconds: float) -> None:
    _print_notes(running)
    verdict = "Everything came out as it must" if passed else "It did NOT come out as it must"
    console.print(f"{verdict}, {seconds:.0f} s after the start.", style="bold")


def _print_way_back(state: Path) -> None:
    option = "" if state == STATE_FOLDER else f" --state {state}"
    program = _name_program()
    output.print_line(
        f"To look around, start the servers again on these rows: {program} up{option}\n"
        f"Or run the demo again and leave it running: {program} demo --keep{option}"
    )
