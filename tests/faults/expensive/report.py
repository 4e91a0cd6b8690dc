"""The report of a search: a table, and the recipes of payloads over a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.expensive.children import KILLED, Measured
from tests.faults.expensive.payloads import Recipe
from tests.faults.expensive.published import Outcome
from tests.faults.expensive.search import LIMIT_S, Repetition

MOST_READS = 6  # five failures, and the one that makes it a dead letter
COLUMNS = (
    "family", "MB", "CPU s", "peak MB", "end", "reads",
    "worker past it, s", "next record stored, s",
)  # fmt: skip
MOST_NAMED = 10
MEGABYTE = 1_000_000


@dataclass(slots=True)
class Report:
    """The worst payloads as measured in this process and on real workers."""

    payloads: int
    worst: Sequence[Measured]
    peaks: Mapping[Recipe, int]
    raised: Mapping[str, Measured]
    ends: Mapping[str, int]
    outcomes: Sequence[Outcome] = field(default_factory=list)

    @property
    def recipes(self) -> list[Recipe]:
        """Return the recipes to publish: the worst, and one for each kind of error."""
        found = [m.recipe for m in (*self.worst, *self.raised.values()) if not _is_killed(m)]
        return list(dict.fromkeys(found))

    def list_problems(self, held_s: float = LIMIT_S) -> list[str]:
        """Return a sentence for everything that is over a limit."""
        slow = [
            f"{m.cost.cpu_s:.2f} s of CPU for {m.size:,} bytes ({m.cost.end}): --only '{m.recipe}'"
            for m in self.worst
            if m.cost.cpu_s > LIMIT_S or _is_killed(m)
        ]
        return slow + [
            f"{problem}: --only '{outcome.recipe}'"
            for outcome in self.outcomes
            if (problem := _find_problem(outcome, held_s))
        ]

    def text(self) -> str:
        """Return the table as Markdown, and what is over a limit."""
        outcomes = {outcome.recipe: outcome for outcome in self.outcomes}
        rows = [
            _build_row(m, self.peaks.get(m.recipe, 0), outcomes.get(m.recipe)) for m in self.worst
        ]
        raised = [f"raises: {kind}: --only '{m.recipe}'" for kind, m in self.raised.items()]
        ends = [f"{count:,} {end}" for end, count in sorted(self.ends.items(), key=_by_count)]
        return "\n".join(
            [
                f"{self.payloads:,} payloads measured.",
                "",
                f"| {' | '.join(COLUMNS)} |",
                "|---|---:|---:|---:|---|---:|---:|---:|",
                *rows,
                "",
                "Ends: " + "; ".join(ends),
                *raised,
                *(f"{m.cost.cpu_s:.2f} s: --only '{m.recipe}'" for m in self.worst[:MOST_NAMED]),
                *(f"OVER THE LIMIT: {problem}" for problem in self.list_problems()),
            ]
        )


def build_report(
    worst: Sequence[Measured],
    traced: Repetition,
    payloads: int,
    raised: Mapping[str, Measured],
    ends: Mapping[str, int],
) -> Report:
    """Build the report; of several measurements of one payload the fastest counts."""
    fastest: dict[Recipe, Measured] = {}
    for measured in worst:
        known = fastest.get(measured.recipe)
        if known is None or measured.cost.cpu_s < known.cost.cpu_s:
            fastest[measured.recipe] = measured
    ordered = sorted(fastest.values(), key=lambda m: -m.cost.cpu_s)
    peaks = {m.recipe: m.cost.peak_bytes for m in traced.measured}
    return Report(payloads, ordered, peaks, raised, ends)


def _build_row(measured: Measured, peak: int, outcome: Outcome | None) -> str:
    cost = measured.cost
    end, reads, held, stored = cost.end, "", "", ""
    if outcome:
        end, reads = outcome.end, str(outcome.reads)
        held, stored = _format_seconds(outcome.held_s), _format_seconds(outcome.neighbour_s)
    return (
        f"| {measured.recipe.family} | {measured.size / MEGABYTE:.1f} | {cost.cpu_s:.2f} "
        f"| {peak / MEGABYTE:.0f} | {end} | {reads} | {held} | {stored} |"
    )


def _format_seconds(took: float | None) -> str:
    return "not" if took is None else f"{took:.1f}"


def _find_problem(outcome: Outcome, held_s: float) -> str:
    if outcome.held_s is None or outcome.neighbour_s is None:
        return "the record behind it is not stored"
    if outcome.held_s > held_s:
        return f"its worker is past the record behind it after {outcome.held_s:.1f} s"
    if outcome.reads > MOST_READS:
        return f"read {outcome.reads} times"
    return "it has no end" if outcome.end == "none" else ""


def _is_killed(measured: Measured) -> bool:
    return measured.cost.end.startswith(KILLED)


def _by_count(pair: tuple[str, int]) -> int:
    return -pair[1]
