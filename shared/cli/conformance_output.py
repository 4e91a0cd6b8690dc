"""Prints the report of a conformance run, and ends the command by its result."""

from shared.cli import output
from shared.cli.errors import CheckFailedError
from shared.conformance.report import Level, Report, format_report, grade

MOST_SHOWN = 50  # failed checks


def print_report(report: Report, *, as_json: bool) -> None:
    """Print grades and failed checks; raises CheckFailedError if a must does not hold."""
    if as_json:
        output.print_json(report.to_json())
    else:
        for line in format_report(report, MOST_SHOWN):
            output.print_line(line)
        _print_grades(report)
    if not report.checks:
        raise CheckFailedError("Nothing came, so nothing was checked.")
    if not report.holds:
        failed = sum(check.level is Level.MUST for check in report.failed)
        raise CheckFailedError(f"{failed:,} checks failed that must hold.")


def _print_grades(report: Report) -> None:
    total = {"all": grade(report.checks)} if report.checks else {}
    output.print_table(
        ("area", "grade", *Level),
        [
            (area, found.letter, *(f"{n}/{of}" for n, of in found.counts.values()))
            for area, found in (report.grades | total).items()
        ],
    )
