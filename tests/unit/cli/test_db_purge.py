"""The order in which `chatia db purge` says what it did."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TypeVar

import pytest
from typer.testing import CliRunner

from shared.archive.counts import Counted
from shared.cli import db, db_purge, output
from shared.retention import Cutoffs

T = TypeVar("T")
BEFORE = datetime(2025, 11, 30, tzinfo=UTC)


def test_what_was_archived_is_said_before_the_deletion_and_its_vacuum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(action: Callable[[str], Awaitable[T]]) -> T:
        return await action("")

    async def say_vacuum(*_: object) -> None:
        output.print_error("Messages: 8 kB.")

    def answer(value: object) -> Callable[..., Awaitable[object]]:
        async def stub(*_: object) -> object:
            return value

        return stub

    planned = [db_purge.Planned(Cutoffs(BEFORE, None), Counted(1, 3, 0))]
    archived = [SimpleNamespace(rows=3, where="/archive/1-2025-03")]
    monkeypatch.setattr(db_purge, "run_with_database", run)
    for name, value in (
        ("_plan", planned),
        ("_check_workers", None),
        ("_archive", archived),
        ("_begin", None),
        ("_wait", {1: {"Messages": 3}}),
    ):
        monkeypatch.setattr(db_purge, name, answer(value))
    monkeypatch.setattr(db_purge, "_vacuum", say_vacuum)
    monkeypatch.setattr("shared.cli.db_migrations.run_with_database", run)
    ended = CliRunner().invoke(db.build_app(), ["purge", "--archive", "/archive", "--yes"])
    assert ended.exit_code == 0, ended.output
    said = [ended.output.index(text) for text in ("Archived 3 rows", "8 kB", "deleted")]
    assert said == sorted(said)
