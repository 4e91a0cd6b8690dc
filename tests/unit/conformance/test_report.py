"""Grades and the exit of a conformance report."""

import pytest

from shared.conformance.report import Check, Level, Report, format_report, grade


def build_checks(musts: tuple[int, int], shoulds: tuple[int, int] = (1, 1)) -> list[Check]:
    """Build checks of two levels; of each, how many passed and how many there are."""
    return [
        Check("keys", f"{level} {n}", level, n < passed, "sent", "came", "expected", "docs")
        for level, (passed, of) in ((Level.MUST, musts), (Level.SHOULD, shoulds))
        for n in range(of)
    ]


@pytest.mark.parametrize(
    ("musts", "shoulds", "letter"),
    [
        ((10, 10), (10, 10), "A"),
        ((10, 10), (9, 10), "B"),
        ((10, 10), (8, 10), "C"),
        ((9, 10), (10, 10), "D"),
        ((5, 10), (10, 10), "E"),
        ((4, 10), (10, 10), "F"),
        ((0, 0), (10, 10), "A"),
    ],
)
def test_a_grade_counts_musts_first(
    musts: tuple[int, int], shoulds: tuple[int, int], letter: str
) -> None:
    assert grade(build_checks(musts, shoulds)).letter == letter


def test_a_report_holds_if_every_must_does() -> None:
    assert Report("x", tuple(build_checks((2, 2), (0, 2)))).holds
    assert not Report("x", tuple(build_checks((1, 2), (2, 2)))).holds


def test_a_report_without_checks_does_not_hold() -> None:
    assert not Report("x", ()).holds


def test_failed_checks_are_described_musts_first() -> None:
    report = Report("x", (*build_checks((1, 1), (0, 1)), *build_checks((0, 1))), ("A remark.",))
    lines = list(format_report(report, most_shown=1))
    assert lines == [
        "MUST keys: must 0",
        "  sent        sent",
        "  came        came",
        "  expected    expected",
        "  documented  docs",
        "1 more failed; --json lists all.",
        "A remark.",
    ]
