"""What finished rounds came to, kept in a file so that none is repeated, and shown as a table."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.findings import KINDS, Finding
from tests.faults.rounds import Outcome

COLUMNS = ("round of", "rounds", "events", *KINDS, "longest s", "broken")


@dataclass(slots=True)
class Ledger:
    """The rounds of one seed; every round that ends is written down at once."""

    path: Path
    seed: str
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, seed: str | None) -> "Ledger":
        """Go on with what the file holds, or begin anew where another seed is wanted."""
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if kept and seed in (None, kept["seed"]):
            rounds = [_outcome(each) for each in kept["rounds"]]
            return cls(path, kept["seed"], {each.number: each for each in rounds})
        return cls(path, seed or str(int.from_bytes(os.urandom(3))))

    def note(self, outcome: Outcome) -> None:
        """Write a finished round down."""
        self.outcomes[outcome.number] = outcome
        rounds = [asdict(each) for each in self.outcomes.values()]
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({"seed": self.seed, "rounds": rounds}, indent=1), "utf-8")
        draft.replace(self.path)

    def missing(self, rounds: int) -> list[int]:
        """List the numbers that are still to be played."""
        return [number for number in range(1, rounds + 1) if number not in self.outcomes]

    def up_to(self, rounds: int) -> list[Outcome]:
        """List what was played of the first so many rounds."""
        return [outcome for n, outcome in sorted(self.outcomes.items()) if n <= rounds]


def table(outcomes: Iterable[Outcome]) -> str:
    """Sum the rounds up by what was broken in them, as a Markdown table."""
    rounds = list(outcomes)
    kinds = dict.fromkeys(outcome.theme for outcome in rounds)
    rows = [_row(kind, [each for each in rounds if each.theme == kind]) for kind in kinds]
    rows.append(_row("all", rounds))
    rule = ["---", *("---:" for _ in COLUMNS[1:-1]), "---"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, rule, *rows))


def _row(kind: str, rounds: Sequence[Outcome]) -> list[str]:
    found = sum((each.counts for each in rounds), Counter[str]())
    harm = sum((Counter(each.harm) for each in rounds), Counter[str]())
    return [
        kind,
        str(len(rounds)),
        f"{sum(each.events for each in rounds):,}",
        *(str(found[name]) for name in KINDS),
        f"{max((each.seconds for each in rounds), default=0):.0f}",
        ", ".join(f"{number} {name}" for name, number in sorted(harm.items())),
    ]


def _outcome(kept: dict[str, Any]) -> Outcome:
    return Outcome(**(kept | {"findings": [Finding(**each) for each in kept["findings"]]}))
