"""`python -m tests.faults`: as many rounds as are wanted, or one of them again by its seed."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import places
from shared.embedded.servers import Servers, runtime
from tests.faults.havoc import theme_of, themes
from tests.faults.ledger import Ledger, table
from tests.faults.plants import PLANTS
from tests.faults.rounds import Outcome, arena, logs_of
from tests.support.sources import ROOT

FOLDER = ROOT / ".chatia" / "faults"
ROUNDS = 20
MOST_EXAMPLES = 20


def main() -> int:
    """Play what is missing and print the table; 1 where any round found something."""
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)  # clients complain of a broker that is away on purpose
    ledger = Ledger.open(given.folder / "rounds.json", given.seed)
    wanted = _wanted(given, ledger)
    say(f"Seed {ledger.seed}; {len(wanted)} rounds to play.")
    note = Notes([], None if given.themes or given.only else ledger)
    if wanted:
        with fresh_servers(given.folder / "servers") as servers:
            asyncio.run(_play(servers, ledger.seed, wanted, given, note))
    outcomes = note.played if note.ledger is None else ledger.up_to(given.rounds)
    say(table(outcomes))
    return int(any(outcome.findings for outcome in outcomes))


def _wanted(given: argparse.Namespace, ledger: Ledger) -> dict[int, str]:
    if given.themes:
        return dict(enumerate(given.themes, 1))
    numbers = ledger.missing(given.rounds) if given.only is None else [given.only]
    return {number: theme_of(number) for number in numbers}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", help="of all rounds; by default the one of the last run")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this round, once more")
    parser.add_argument("--themes", nargs="+", default=[], choices=list(themes()), metavar="THEME")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to be found")
    parser.add_argument("--processes", type=int, default=2, help="of each service")
    parser.add_argument("--patience", type=float, default=45, help="s before the missing is lost")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args()


@dataclass(slots=True)
class Notes:
    """What was played now; it is written down unless it was played out of turn."""

    played: list[Outcome]
    ledger: Ledger | None

    def take(self, outcome: Outcome) -> None:
        """Add a round."""
        self.played.append(outcome)
        if self.ledger is not None:
            self.ledger.note(outcome)


async def _play(
    servers: Servers, seed: str, wanted: Mapping[int, str], given: argparse.Namespace, notes: Notes
) -> None:
    async with arena(servers, given.processes, given.patience, given.plant) as stage:
        for number, theme in wanted.items():
            outcome = await stage.play(number, f"{seed}/{number}", theme)
            notes.take(outcome)
            _tell(servers, given.folder, outcome)


def _tell(servers: Servers, folder: Path, outcome: Outcome) -> None:
    found = ", ".join(f"{n} {kind}" for kind, n in outcome.counts.items()) or "all is well"
    say(
        f"round {outcome.number} ({outcome.theme}, seed {outcome.seed}): {outcome.seconds:.0f} s, "
        f"{outcome.events} events, {outcome.harm}, {outcome.deaths or 'no other deaths'}: {found}"
    )
    for finding in outcome.findings[:MOST_EXAMPLES]:
        say(f"  {finding.kind}: {finding.text}")
    if outcome.findings:
        kept = folder / f"logs-of-{outcome.seed.replace('/', '-')}"
        shutil.copytree(logs_of(servers), kept, dirs_exist_ok=True)
        say(f"  The logs are in {kept}.")


@contextmanager
def fresh_servers(state: Path) -> Iterator[Servers]:
    """Run Kafka and Postgres, durable as in production, on a folder of which the logs are kept."""
    places.remove(state)
    try:
        with runtime(state) as servers:
            yield servers
    finally:
        shutil.rmtree(state.with_name("logs"), ignore_errors=True)
        shutil.copytree(state / "logs", state.with_name("logs"))
        places.remove(state)


def say(line: str) -> None:
    """Print at once, so that a run in the background can be followed."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
