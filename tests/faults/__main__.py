"""`python -m tests.faults`: run rounds of fault injection, or one of them again by its seed."""

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

from shared.embedded import folders
from shared.embedded.servers import Servers, run_servers
from tests.faults.fault_injection import choose_theme, list_themes
from tests.faults.results_file import ResultsFile, build_table
from tests.faults.rounds import Outcome, get_log_folder, start_round_runner
from tests.faults.seeded_bugs import SEEDED_BUGS
from tests.support.sources import ROOT

FOLDER = ROOT / ".chatia" / "faults"
ROUNDS = 20
MOST_EXAMPLES = 20


def main() -> int:
    """Run the missing rounds and print the table; return 1 if there is any finding."""
    given = _parse_arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)  # clients would log each stopped broker
    results_file = ResultsFile.open(given.folder / "rounds.json", given.seed)
    rounds = _choose_rounds(given, results_file)
    say(f"Seed {results_file.seed}; {len(rounds)} rounds to run.")
    progress = Progress([], None if given.themes or given.only else results_file)
    if rounds:
        with fresh_servers(given.folder / "servers") as servers:
            asyncio.run(_run_rounds(servers, results_file.seed, rounds, given, progress))
    outcomes = (
        progress.outcomes
        if progress.results_file is None
        else results_file.list_first(given.rounds)
    )
    say(build_table(outcomes))
    return int(any(outcome.findings for outcome in outcomes))


def _choose_rounds(given: argparse.Namespace, results_file: ResultsFile) -> dict[int, str]:
    if given.themes:
        return dict(enumerate(given.themes, 1))
    numbers = results_file.list_missing(given.rounds) if given.only is None else [given.only]
    return {number: choose_theme(number) for number in numbers}


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", help="of all rounds; by default the one of the last run")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this round, once more")
    parser.add_argument(
        "--themes", nargs="+", default=[], choices=list(list_themes()), metavar="THEME"
    )
    parser.add_argument("--seeded-bug", choices=SEEDED_BUGS, help="a bug to be found")
    parser.add_argument("--processes", type=int, default=2, help="of each service")
    parser.add_argument(
        "--patience", type=float, default=45, help="s to wait before a missing record is a finding"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args()


@dataclass(slots=True)
class Progress:
    """The results of this run; they are saved unless single rounds were chosen."""

    outcomes: list[Outcome]
    results_file: ResultsFile | None

    def add(self, outcome: Outcome) -> None:
        """Add a result."""
        self.outcomes.append(outcome)
        if self.results_file is not None:
            self.results_file.add(outcome)


async def _run_rounds(
    servers: Servers,
    seed: str,
    rounds: Mapping[int, str],
    given: argparse.Namespace,
    progress: Progress,
) -> None:
    async with start_round_runner(
        servers, given.processes, given.patience, given.seeded_bug
    ) as runner:
        for number, theme in rounds.items():
            outcome = await runner.run_round(number, f"{seed}/{number}", theme)
            progress.add(outcome)
            _print_result(servers, given.folder, outcome)


def _print_result(servers: Servers, folder: Path, outcome: Outcome) -> None:
    found = ", ".join(f"{n} {kind}" for kind, n in outcome.counts.items()) or "no finding"
    say(
        f"round {outcome.number} ({outcome.theme}, seed {outcome.seed}): {outcome.seconds:.0f} s, "
        f"{outcome.events} events, {outcome.faults}, {outcome.deaths or 'no other deaths'}: {found}"
    )
    for finding in outcome.findings[:MOST_EXAMPLES]:
        say(f"  {finding.kind}: {finding.text}")
    if outcome.findings:
        log_copy = folder / f"logs-of-{outcome.seed.replace('/', '-')}"
        shutil.copytree(get_log_folder(servers), log_copy, dirs_exist_ok=True)
        say(f"  The logs are in {log_copy}.")


@contextmanager
def fresh_servers(state: Path) -> Iterator[Servers]:
    """Run Kafka and Postgres with fsync in a new folder; keep their logs at the end."""
    folders.delete_state(state)
    try:
        with run_servers(state) as servers:
            yield servers
    finally:
        shutil.rmtree(state.with_name("logs"), ignore_errors=True)
        shutil.copytree(state / "logs", state.with_name("logs"))
        folders.delete_state(state)


def say(line: str) -> None:
    """Print and flush, so that a run in the background can be followed."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
