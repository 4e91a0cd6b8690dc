"""What `chatia db doctor` prints, as text and JSON."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from shared.cli import db, db_doctor
from shared.cli.db_doctor import build_json, describe
from shared.cli.errors import CheckFailedError
from shared.doctor.findings import Code, Finding, Report, Severity
from shared.settings import Settings

NOTICE = Finding(Code.BACKUP_UNKNOWN, Severity.NOTICE, "No backup is known.", "c.", "chatia db x")
ERROR = Finding(Code.SETTING_UNSAFE, Severity.ERROR, "fsync is off.", "Why.", "psql y")


def build_report(*findings: Finding) -> Report:
    return Report(datetime(2026, 8, 20, tzinfo=UTC), 0.25, ("schema", "wal"), findings)


def test_notices_leave_a_database_healthy() -> None:
    assert describe(build_report()) == ["Healthy: 2 checks in 0.2 s, nothing found."]
    assert describe(build_report(NOTICE)) == [
        "notice: No backup is known. [backup-unknown]",
        "  cause: c.",
        "  fix:   chatia db x",
        "Healthy: 2 checks in 0.2 s, 1 notice.",
    ]


def test_errors_are_counted_and_end_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine(_settings: Settings) -> Report:
        return build_report(ERROR, NOTICE)

    monkeypatch.setattr(db_doctor, "examine", examine)
    ended = CliRunner().invoke(db.build_app(), ["doctor"])
    assert "Not healthy: 2 checks in 0.2 s, 1 error, 1 notice." in ended.output
    assert isinstance(ended.exception, CheckFailedError)
    shown = json.loads(CliRunner().invoke(db.build_app(), ["doctor", "--json"]).output)
    assert shown == build_json(build_report(ERROR, NOTICE))
    assert shown["isHealthy"] is False
    assert shown["findings"][0] == {
        "code": "setting-unsafe",
        "severity": "error",
        "sentence": "fsync is off.",
        "cause": "Why.",
        "fix": "psql y",
    }


@pytest.mark.parametrize(
    "words", [("reindex", "--missing", "--table", "Tickets"), ("vacuum", "--full")]
)
def test_options_that_exclude_each_other_are_refused(words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(db.build_app(), words)
    assert getattr(ended.exception, "exit_code", None) == 2
