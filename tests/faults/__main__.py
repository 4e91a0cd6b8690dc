"""`python -m tests.faults`: as many rounds as are wanted, or one of them again by its seed."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.embedded import places
from shared.embedded.servers import Servers, runtime
from tests.faults.ledger import Ledger, table
from tests.faults.plants import PLANTS
from tests.faults.rounds import Outcome, arena, logs_of
from tests.support.sources import ROOT

FOLDER = ROOT / ".chatia" / "faults"
ROUNDS = 20
MOST_EXAMPLES = 20


def main() -> int:
    """Play what is missing and print the table; 1 where any round found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", help="of all rounds; by default the one of the last run")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this round, once more")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to be found")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)  # clients complain of a broker that is away on purpose
    ledger = Ledger.open(FOLDER / "rounds.json", given.seed)
    again = given.only is not None or given.plant is not None
    numbers = [given.only or 1] if again else ledger.missing(given.rounds)
    say(f"Seed {ledger.seed}; {len(numbers)} rounds to play, {len(ledger.outcomes)} done before.")
    played: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        played.append(outcome)
        if not again:
            ledger.note(outcome)

    if numbers:
        with fresh_servers(FOLDER / "servers") as servers:
            asyncio.run(_play(servers, ledger.seed, numbers, given.plant, note))
    outcomes = played if again else ledger.up_to(given.rounds)
    say(table(outcomes))
    return int(any(outcome.findings for outcome in outcomes))


async def _play(
    servers: Servers,
    seed: str,
    numbers: Sequence[int],
    plant: str | None,
    note: Callable[[Outcome], None],
) -> None:
    async with arena(servers, plant) as stage:
        for number in numbers:
            outcome = await stage.play(number, f"{seed}/{number}")
            note(outcome)
            _tell(servers, outcome)


def _tell(servers: Servers, outcome: Outcome) -> None:
    found = ", ".join(f"{n} {kind}" for kind, n in outcome.counts.items()) or "all is well"
    say(
        f"round {outcome.number} ({outcome.theme}, seed {outcome.seed}): {outcome.seconds:.0f} s, "
        f"{outcome.events} events, {outcome.harm}, {outcome.deaths or 'no other deaths'}: {found}"
    )
    for finding in outcome.findings[:MOST_EXAMPLES]:
        say(f"  {finding.kind}: {finding.text}")
    if outcome.findings:
        kept = FOLDER / f"logs-of-{outcome.seed.replace('/', '-')}"
        shutil.copytree(logs_of(servers), kept, dirs_exist_ok=True)
        say(f"  The logs are in {kept}.")


@contextmanager
def fresh_servers(state: Path) -> Iterator[Servers]:
    """Run Kafka and Postgres, durable as in production, on a folder that is deleted afterwards."""
    places.remove(state)
    try:
        with runtime(state) as servers:
            yield servers
    finally:
        places.remove(state)


def say(line: str) -> None:
    """Print at once, so that a run in the background can be followed."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
