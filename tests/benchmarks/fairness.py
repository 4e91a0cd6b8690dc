"""How much one noisy company delays the others: `python -m tests.benchmarks.fairness`.

Twenty companies send at a modest rate; a twenty-first fills the rest up to 60 % and up to 150 %
of what the four workers can take. A delay is the time from Kafka's acknowledgement of a gateway's
event to its fact on `message.stored`. Rates are open-loop; every way of running and every load is
repeated in turn, and medians over the repetitions are shown.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

import typer

from shared.embedded.servers import Servers
from shared.settings import Settings
from tests.benchmarks import stage
from tests.benchmarks.load import Load, Sender

OTHERS = [Sender(company_id, 5.0, 40) for company_id in range(1, 21)]
NOISY = 21
FLOOD_PER_S = 4000.0
CAPACITY_S = 12.0
WARM_UP_S = 3.0
DRAINED_S = 300.0
WAYS = {"off": {"CHATIA_NOISY_TIMES": "0"}, "on": {}}
Result = dict[str, float]
LOADS = {"alone": 0.0, "at 60 %": 0.6, "at 150 %": 1.5}


def noisy(per_second: float) -> Sender:
    """Return the noisy company, which sends so many messages a second."""
    return Sender(NOISY, per_second, 400)


async def capacity(load: Load) -> float:
    """Measure messages stored in a second while more are sent than the workers can take."""
    senders = [*OTHERS, noisy(FLOOD_PER_S)]
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(senders, WARM_UP_S + CAPACITY_S))
        await asyncio.sleep(WARM_UP_S)
        before = load.watched.arrived.total()
        await asyncio.sleep(CAPACITY_S)
        stored = load.watched.arrived.total() - before
    await load.settled(DRAINED_S)
    return stored / CAPACITY_S


async def measure(load: Load, share: float, whole: float, seconds: float) -> Result:
    """Run one load; return the others' percentiles and how long the noisy rest took."""
    rest = share * whole - sum(other.per_second for other in OTHERS)
    senders = [*OTHERS, noisy(rest)] if share else OTHERS
    began = time.monotonic()
    await load.run(senders, WARM_UP_S + seconds)
    ended = time.monotonic()
    await load.settled(DRAINED_S)
    delays = load.watched.delays_ms((o.company_id for o in OTHERS), began + WARM_UP_S, ended)
    cuts = quantiles(delays, n=100)
    return {
        "p50": cuts[49],
        "p95": cuts[94],
        "max": max(delays),
        "drained_s": time.monotonic() - ended,
        "others": len(delays),
    }


async def compare(arguments: argparse.Namespace, running: Servers, settings: Settings) -> None:
    """Measure the capacity, then every setting and load in turn."""
    await stage.prepare(running, settings, NOISY)
    found: dict[tuple[str, str], list[Result]] = defaultdict(list)
    async with stage.load(settings) as load:
        async with stage.workers(running, WAYS["off"]):
            await load.burst([*OTHERS, noisy(FLOOD_PER_S)], 4000)  # contacts and tickets are there
            await load.settled(DRAINED_S)
            await stage.analyze(settings)
            whole = await capacity(load)
        typer.echo(f"capacity: {whole:.0f} messages a second")
        for way in arguments.ways * arguments.repetitions:
            async with stage.workers(running, WAYS[way]):
                await load.run(OTHERS, WARM_UP_S)
                for name, share in LOADS.items():
                    result = await measure(load, share, whole, arguments.seconds)
                    found[way, name].append(result)
                    shown = {key: round(value, 1) for key, value in result.items()}
                    typer.echo(json.dumps({"way": way, "load": name, **shown}))
    _show(found)


def _show(found: Mapping[tuple[str, str], Sequence[Result]]) -> None:
    """Print medians over the repetitions, and their ratio to a quiet run."""
    for (way, name), results in found.items():
        alone = median(result["p95"] for result in found[way, "alone"])
        p50, p95 = (median(result[key] for result in results) for key in ("p50", "p95"))
        typer.echo(f"{way:4} {name:9} p50 {p50:7.0f} ms  p95 {p95:7.0f} ms  x {p95 / alone:.2f}")


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--state", type=Path, help="keep servers and logs here")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chatia-fairness-") as folder,
        stage.servers(arguments.state or Path(folder)) as (running, settings),
    ):
        asyncio.run(compare(arguments, running, settings))


if __name__ == "__main__":
    main()
