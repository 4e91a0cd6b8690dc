"""Delays of a company while another company attacks: `python -m tests.benchmarks.attacks`.

The four workers are processes of their own. The other company sends one message a second; a delay
is the time from the publishing of its event until its row is there. Quiet and attacked stretches
take turns, and each attack is repeated every five seconds while its stretch lasts.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

import typer

from tests.benchmarks import stage
from tests.support import attacks
from tests.support.attacks import ATTACKS, Attack
from tests.support.deployment import Deployment, deployment

EVERY_S = 5.0
PAUSE_S = 1.0
COLUMNS = "| attack | quiet p95 ms | attacked p95 ms | ratio | longest ms |"


async def measure(state: Path, chosen: Sequence[Attack], messages: int) -> list[str]:
    """Return a table row for each attack."""
    with stage.servers(state) as (running, settings):
        await stage.prepare(running, settings, companies=0)
        async with deployment(running.kafka_bootstrap, running.database_url, workers=()) as flow:
            await attacks.prepare(flow)
            names = {
                "CHATIA_NAMESPACE": flow.settings.namespace,
                "CHATIA_EVOLUTION_PREFIX": flow.settings.evolution_prefix,
            }
            async with stage.workers(running, names):
                await attacks.measure_delays(flow, "warm-up", 5, PAUSE_S)
                return [await _row(flow, attack, messages) for attack in chosen]


async def _row(flow: Deployment, attack: Attack, messages: int) -> str:
    name = attack.name.replace(" ", "-")
    quiet = await attacks.measure_delays(flow, f"{name}-quiet", messages, PAUSE_S)
    attacking = asyncio.create_task(_repeat(flow, attack))
    try:
        delays_s = await attacks.measure_delays(flow, name, messages, PAUSE_S)
    finally:
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)
    before, during = _compute_p95(quiet), _compute_p95(delays_s)
    row = (
        f"| {attack.name} | {before * 1000:.0f} | {during * 1000:.0f} "
        f"| x {during / before:.2f} | {max(delays_s) * 1000:.0f} |"
    )
    typer.echo(
        f"{row} median {median(quiet) * 1000:.0f} -> {median(delays_s) * 1000:.0f} ms", err=True
    )
    return row


async def _repeat(flow: Deployment, attack: Attack) -> None:
    for number in range(1_000):
        await attacks.launch(flow, attack, 1_000 * ATTACKS.index(attack) + number)
        await asyncio.sleep(EVERY_S)


def _compute_p95(delays: Sequence[float]) -> float:
    return quantiles(delays, n=20, method="inclusive")[-1]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30, help="of each stretch")
    parser.add_argument("--only", default="", help="attacks whose names hold this")
    given = parser.parse_args()
    chosen = [attack for attack in ATTACKS if given.only in attack.name]
    with tempfile.TemporaryDirectory(prefix="chatia-attacks-") as state:
        rows = asyncio.run(measure(Path(state), chosen, given.messages))
    typer.echo("\n".join([COLUMNS, "| --- | ---: | ---: | ---: | ---: |", *rows]))


if __name__ == "__main__":
    main()
