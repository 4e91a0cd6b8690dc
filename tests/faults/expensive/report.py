"""What the search found: the table, and what is over a limit, with its recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.expensive.children import KILLED, Measured
from tests.faults.expensive.payloads import Recipe
from tests.faults.expensive.published import Outcome
from tests.faults.expensive.search import LIMIT_S, Again

MOST_TRIES = 6  # five, and the one that makes it a dead letter
COLUMNS = (
    "family", "MB", "CPU s", "peak MB", "end", "tries", "held, s", "neighbour stored after, s",
)  # fmt: skip
MEGABYTE = 1_000_000


@dataclass(slots=True)
class Report:
    """The worst payloads as they were measured here, and what real workers made of them."""

    payloads: int
    worst: Sequence[Measured]
    peaks: Mapping[Recipe, int]
    raised: Mapping[str, Measured]
    ends: Mapping[str, int]
    outcomes: Sequence[Outcome] = field(default_factory=list)

    @property
    def recipes(self) -> list[Recipe]:
        """Return what is to be published: the worst, and one of each kind that raises an error."""
        found = [m.recipe for m in (*self.worst, *self.raised.values()) if not _is_killed(m)]
        return list(dict.fromkeys(found))

    def troubles(self, held_s: float = LIMIT_S) -> list[str]:
        """Name everything that is over a limit."""
        slow = [
            f"{m.cost.cpu_s:.2f} s of CPU for {m.size:,} bytes ({m.cost.end}): --only '{m.recipe}'"
            for m in self.worst
            if m.cost.cpu_s > LIMIT_S or _is_killed(m)
        ]
        return slow + [
            f"{trouble}: --only '{outcome.recipe}'"
            for outcome in self.outcomes
            if (trouble := _trouble(outcome, held_s))
        ]

    def text(self) -> str:
        """Return the table as Markdown, and what is over a limit."""
        outcomes = {outcome.recipe: outcome for outcome in self.outcomes}
        rows = [_row(m, self.peaks.get(m.recipe, 0), outcomes.get(m.recipe)) for m in self.worst]
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
                *(f"OVER THE LIMIT: {trouble}" for trouble in self.troubles()),
            ]
        )


def judged(
    worst: Sequence[Measured],
    traced: Again,
    payloads: int,
    raised: Mapping[str, Measured],
    ends: Mapping[str, int],
) -> Report:
    """Put measurements together; of several of one payload, the fastest counts."""
    fastest: dict[Recipe, Measured] = {}
    for measured in worst:
        known = fastest.get(measured.recipe)
        if known is None or measured.cost.cpu_s < known.cost.cpu_s:
            fastest[measured.recipe] = measured
    ordered = sorted(fastest.values(), key=lambda m: -m.cost.cpu_s)
    peaks = {m.recipe: m.cost.peak_bytes for m in traced.measured}
    return Report(payloads, ordered, peaks, raised, ends)


def _row(measured: Measured, peak: int, outcome: Outcome | None) -> str:
    cost = measured.cost
    end, tries, held, stored = cost.end, "", "", ""
    if outcome:
        end, tries = outcome.end, str(outcome.tries)
        held, stored = _seconds(outcome.held_s), _seconds(outcome.neighbour_s)
    return (
        f"| {measured.recipe.family} | {measured.size / MEGABYTE:.1f} | {cost.cpu_s:.2f} "
        f"| {peak / MEGABYTE:.0f} | {end} | {tries} | {held} | {stored} |"
    )


def _seconds(took: float | None) -> str:
    return "not" if took is None else f"{took:.1f}"


def _trouble(outcome: Outcome, held_s: float) -> str:
    if outcome.held_s is None or outcome.neighbour_s is None:
        return "the record behind it is not stored"
    if outcome.held_s > held_s:
        return f"its worker is past the record behind it after {outcome.held_s:.1f} s"
    if outcome.tries > MOST_TRIES:
        return f"read {outcome.tries} times"
    return "it has no end" if outcome.end == "none" else ""


def _is_killed(measured: Measured) -> bool:
    return measured.cost.end.startswith(KILLED)


def _by_count(pair: tuple[str, int]) -> int:
    return -pair[1]
