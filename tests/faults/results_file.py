"""Results of finished rounds in a file, so that none is repeated, and their table."""

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
class ResultsFile:
    """The rounds of one seed; each is saved when it ends."""

    path: Path
    seed: str
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, seed: str | None) -> "ResultsFile":
        """Load the file, or begin anew where it is missing or of another seed."""
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if stored and seed in (None, stored["seed"]):
            rounds = [_parse(each) for each in stored["rounds"]]
            return cls(path, stored["seed"], {each.number: each for each in rounds})
        return cls(path, seed or str(int.from_bytes(os.urandom(3))))

    def add(self, outcome: Outcome) -> None:
        """Save a finished round."""
        self.outcomes[outcome.number] = outcome
        rounds = [asdict(each) for each in self.outcomes.values()]
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({"seed": self.seed, "rounds": rounds}, indent=1), "utf-8")
        draft.replace(self.path)

    def list_missing(self, rounds: int) -> list[int]:
        """Return the numbers of the rounds that have not run."""
        return [number for number in range(1, rounds + 1) if number not in self.outcomes]

    def list_first(self, rounds: int) -> list[Outcome]:
        """Return the results among the first so many rounds."""
        return [outcome for n, outcome in sorted(self.outcomes.items()) if n <= rounds]


def build_table(outcomes: Iterable[Outcome]) -> str:
    """Return the sums of the rounds by kind as a Markdown table."""
    rounds = list(outcomes)
    kinds = dict.fromkeys(outcome.theme for outcome in rounds)
    rows = [_build_row(kind, [each for each in rounds if each.theme == kind]) for kind in kinds]
    rows.append(_build_row("all", rounds))
    rule = ["---", *("---:" for _ in COLUMNS[1:-1]), "---"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, rule, *rows))


def _build_row(kind: str, rounds: Sequence[Outcome]) -> list[str]:
    found = sum((each.counts for each in rounds), Counter[str]())
    faults = sum((Counter(each.faults) for each in rounds), Counter[str]())
    return [
        kind,
        str(len(rounds)),
        f"{sum(each.events for each in rounds):,}",
        *(str(found[name]) for name in KINDS),
        f"{max((each.seconds for each in rounds), default=0):.0f}",
        ", ".join(f"{number} {name}" for name, number in sorted(faults.items())),
    ]


def _parse(stored: dict[str, Any]) -> Outcome:
    return Outcome(**(stored | {"findings": [Finding(**each) for each in stored["findings"]]}))
