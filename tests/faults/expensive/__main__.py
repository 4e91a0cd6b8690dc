"""`python -m tests.faults.expensive --payloads 50000`: the search for records that cost most.

Payloads are made from good ones and grown; those that take most time and memory for their size are
grown further, up to 3.5 MB. The most expensive ones are then published to real workers, each with
a good record of another company behind it. What is over a limit is printed so that
`--only ID` makes it again.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import migrations, roles
from shared.embedded.servers import Servers
from tests.benchmarks import stage
from tests.faults.__main__ import FOLDER, fresh_servers, say
from tests.faults.expensive import watched_worker
from tests.faults.expensive.children import measure
from tests.faults.expensive.payloads import Recipe
from tests.faults.expensive.published import Outcome, open_publisher
from tests.faults.expensive.report import Report, build_report
from tests.faults.expensive.search import Repetition, build_search
from tests.faults.expensive.watch import LogFiles
from tests.support.deployment import deployment
from tests.support.sources import ROOT

WORST = 40


def main() -> int:
    """Search, publish the worst and print the table; return 1 if anything is over a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.expensive", description=__doc__)
    parser.add_argument("--payloads", type=int, default=50_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", metavar="ID", action="append", type=Recipe.read, default=[])
    parser.add_argument("--families", nargs="+", default=[], metavar="BEGINNING")
    parser.add_argument("--worst", type=int, default=WORST, help="published to real workers")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--unpublished", action="store_true", help="search in this process alone")
    parser.add_argument(
        "--seeded-bug", default="", help="MODULE:FUNCTION that slows something down"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER / "expensive")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    report = search(given)
    if not given.unpublished:
        say(report.text())  # in case that the servers do not come up
        given.folder.mkdir(parents=True, exist_ok=True)
        with fresh_servers(given.folder / "servers") as servers:
            settings = stage.settings_of(servers)
            asyncio.run(_prepare(settings.database.url, servers.role_passwords))
            report.outcomes = asyncio.run(_publish_worst(servers, report.recipes))
    say(report.text())
    return int(bool(report.list_problems()))


def search(given: argparse.Namespace) -> Report:
    """Find the worst payloads; measure those over the limit once more."""
    if given.only:
        again = Repetition(given.only)
        measure(again, 1, given.seeded_bug)
        return build_report(again.measured, Repetition(()), len(given.only), {}, {})
    found = build_search(given.payloads, given.seed, given.families)
    found.progress = say
    measure(found, given.processes, given.seeded_bug)
    again = Repetition(
        [*(m.recipe for m in found.list_suspects()), *found.find_most_memory(given.worst // 2)]
    )
    measure(again, 1, given.seeded_bug)
    worst = [*found.select_worst(given.worst), *again.measured]
    traced = Repetition([m.recipe for m in worst], traced=True)
    measure(traced, given.processes, given.seeded_bug)
    return build_report(worst, traced, found.learned, found.raised, found.ends)


async def _prepare(url: str, passwords: Mapping[str, str]) -> None:
    await migrations.upgrade(url)
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as conn:
        await roles.apply(conn, passwords)
    await engine.dispose()


async def _publish_worst(servers: Servers, recipes: Sequence[Recipe]) -> list[Outcome]:
    """Publish to workers in processes of their own, so that none waits for another."""
    bootstrap, url = servers.kafka_bootstrap, servers.database_url
    async with deployment(bootstrap, url, workers=()) as started:
        names = {
            "CHATIA_NAMESPACE": started.settings.namespace,
            "CHATIA_EVOLUTION_PREFIX": started.settings.evolution_prefix,
            "CHATIA_LOG_FORMAT": "json",
        }
        async with stage.workers(servers, names, watched_worker.__name__):
            logs = LogFiles(servers.state / "logs" / f"{name}.log" for name in stage.SERVICES)
            async with open_publisher(started, logs, say) as standing:
                return await standing.publish(recipes)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
