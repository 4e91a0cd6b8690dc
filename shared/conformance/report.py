"""The graded report of a conformance run: its checks, a grade for each area and one for all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

GOOD_SHARE = 0.9  # of the checks of a level, for the grades B and D


class Level(StrEnum):
    """How much a check weighs: `must` decides the exit code, `should` and `may` only grades."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was sent, what came, what is expected and where that is documented.

    `sent` and `came` never hold a token or a signature.
    """

    area: str
    name: str
    level: Level
    passed: bool
    sent: str
    came: str
    expected: str
    documented: str


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of some checks, with passed and all checks of each level."""

    letter: str
    counts: dict[Level, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a run, and remarks about what was not checked."""

    subject: str
    checks: tuple[Check, ...]
    remarks: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether there was something to check, and every check of level must passed."""
        return bool(self.checks) and all(
            check.passed for check in self.checks if check.level is Level.MUST
        )

    @property
    def failed(self) -> list[Check]:
        """The failed checks, those of level must first."""
        order = tuple(Level)
        return sorted(
            (check for check in self.checks if not check.passed),
            key=lambda check: order.index(check.level),
        )

    @property
    def grades(self) -> dict[str, Grade]:
        """The grade of each area, in the order of their first checks."""
        areas = dict.fromkeys(check.area for check in self.checks)
        return {area: grade(check for check in self.checks if check.area == area) for area in areas}

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs: grades, counts, remarks, and every failed check."""
        return {
            "subject": self.subject,
            "holds": self.holds,
            "grade": grade(self.checks).letter,
            "checks": len(self.checks),
            "areas": {
                area: {
                    "grade": found.letter,
                    **{level: {"passed": n, "of": of} for level, (n, of) in found.counts.items()},
                }
                for area, found in self.grades.items()
            },
            "failed": [asdict(check) for check in self.failed],
            "remarks": list(self.remarks),
        }


def grade(checks: Iterable[Check]) -> Grade:
    """Grade checks from A (all passed) to F (fewer than half of the musts passed).

    B: all musts and nine tenths of the shoulds; C: all musts; D: nine tenths of the musts; E: half
    of them. A failed `may` alone costs no grade.
    """
    listed = list(checks)
    counts = {level: _count(listed, level) for level in Level}
    return Grade(_choose_letter(_share(counts[Level.MUST]), _share(counts[Level.SHOULD])), counts)


def format_report(report: Report, most_shown: int) -> Iterator[str]:
    """Yield the lines that describe the failed checks, at most `most_shown` of them."""
    for check in report.failed[:most_shown]:
        yield f"{check.level.upper()} {check.area}: {check.name}"
        yield f"  sent        {check.sent}"
        yield f"  came        {check.came}"
        yield f"  expected    {check.expected}"
        yield f"  documented  {check.documented}"
    if len(report.failed) > most_shown:
        yield f"{len(report.failed) - most_shown} more failed; --json lists all."
    yield from report.remarks


def _count(checks: Sequence[Check], level: Level) -> tuple[int, int]:
    of_level = [check for check in checks if check.level is level]
    return sum(check.passed for check in of_level), len(of_level)


def _share(count: tuple[int, int]) -> float:
    passed, of = count
    return passed / of if of else 1.0


def _choose_letter(musts: float, shoulds: float) -> str:
    if musts == 1.0:
        return "A" if shoulds == 1.0 else "B" if shoulds >= GOOD_SHARE else "C"
    return "D" if musts >= GOOD_SHARE else "E" if musts >= 0.5 else "F"  # noqa: PLR2004 - half
