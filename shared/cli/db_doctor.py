"""`chatia db doctor`: what is wrong with the database, why, and the command that ends it."""

import asyncio

from shared.cli import output
from shared.cli.errors import CheckFailedError
from shared.doctor.findings import Finding, Report, Severity, count
from shared.doctor.run import examine
from shared.settings import Settings

PLURALS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


def doctor(*, as_json: output.JsonOption = False) -> None:
    """Examine the database: each finding with its cause and the command that ends it.

    Nothing is changed. Exit codes: 0 if there are no errors, 1 if there are.
    """
    report = asyncio.run(examine(Settings()))
    if as_json:
        output.print_json(build_json(report))
    else:
        for line in describe(report):
            output.print_line(line)
    if errors := report.count(Severity.ERROR):
        raise CheckFailedError(f"{count(errors, 'error')} to look at.")


def describe(report: Report) -> list[str]:
    """Return the lines that are printed: each finding in three, and a summary."""
    lines = [line for finding in report.findings for line in _describe_finding(finding)]
    return [*lines, _summarise(report)]


def build_json(report: Report) -> dict[str, object]:
    """Build what `--json` prints."""
    return {
        "at": report.at.isoformat(),
        "isHealthy": report.is_healthy,
        "seconds": round(report.seconds, 3),
        "checks": list(report.checks),
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "sentence": finding.sentence,
                "cause": finding.cause,
                "fix": finding.fix,
            }
            for finding in report.findings
        ],
    }


def _describe_finding(finding: Finding) -> list[str]:
    return [
        f"{finding.severity}: {finding.sentence} [{finding.code}]",
        f"  cause: {finding.cause}",
        f"  fix:   {finding.fix}",
    ]


def _summarise(report: Report) -> str:
    counts = {severity: report.count(severity) for severity in Severity}
    found = ", ".join(count(n, PLURALS[severity]) for severity, n in counts.items() if n)
    checked = f"{count(len(report.checks), 'check')} in {report.seconds:.1f} s"
    if report.is_healthy:
        return f"Healthy: {checked}, {found or 'nothing found'}."
    return f"Not healthy: {checked}, {found}."
