"""What is said about the archive of WAL."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from shared.backup.continuous import data_folder, server
from shared.backup.continuous.data_folder import build_psql, describe_next
from shared.backup.continuous.pgbackrest import PgBackRest
from shared.backup.continuous.server import Archiving, quote_literal
from shared.backup.errors import PlaceError, RefusalError
from shared.cli import db, db_wal
from shared.cli.db_wal import choose_restart_command, explain
from shared.cli.errors import InvalidUsageError, RefusedError

URL = "postgresql+asyncpg://ana:secret@db.local:5432/desk"
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
WORKING = Archiving(
    mode="on",
    has_command=True,
    wal_level="replica",
    timeout_s=60,
    archived=7,
    last_archived="000000010000000000000007",
    archived_at=AT,
    failures=0,
    last_failed="",
    failed_at=None,
    position="0/8000100",
    lag_s=12.4,
    lag_bytes=256,
)


def test_the_last_archived_file_and_the_lag_are_said() -> None:
    begins, last = explain(WORKING)
    assert begins == "WAL is archived, after 60 s at most; 7 files so far."
    assert last == (
        "The last one was 000000010000000000000007, 12 s ago (2026-11-30T12:00:00.000000Z), "
        "256 bytes behind."
    )


def test_a_failure_counts_until_a_file_is_archived_again() -> None:
    before = replace(WORKING, failed_at=AT.replace(hour=11), failures=2)
    after = replace(WORKING, failed_at=AT.replace(hour=13), failures=2)
    assert (before.is_failing, after.is_failing) == (False, True)
    assert list(explain(before))[-1].startswith("It works again: 2 failures")
    assert list(explain(after))[-1].startswith("The archive fails: 2 failures")


def test_a_server_that_does_not_archive_is_told_how_it_begins() -> None:
    off = replace(WORKING, mode="off")
    (line,) = explain(off)
    assert line.startswith("WAL is not archived (archive_mode off): run `chatia db wal enable`")


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("/srv/data", "pg_ctl restart -D /srv/data, or as your system starts it"),
        ("", "as your system starts it"),
    ],
)
def test_the_command_that_restarts_the_server_is_named(folder: str, command: str) -> None:
    assert choose_restart_command(folder) == command


@pytest.mark.parametrize(("is_root", "begin"), [(True, ""), (False, "sudo ")])
def test_a_server_of_debian_is_restarted_by_root(
    is_root: bool, begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_wal, "is_root", lambda: is_root)
    found = choose_restart_command("/var/lib/postgresql/15/main")
    assert found == f"{begin}pg_ctlcluster 15 main restart"


def test_the_server_of_chatia_up_is_restarted_with_it(tmp_path: Path) -> None:
    (tmp_path / "postgres.json").touch()
    found = choose_restart_command(str(tmp_path / "postgres" / "data"))
    assert found == "Ctrl-C where `chatia up` runs, and `chatia up` again"


def test_a_standby_archives_nothing_before_it_is_promoted() -> None:
    standby = replace(WORKING, is_standby=True)
    (line,) = explain(standby)
    assert line == (
        "The server is a standby, which archives nothing with archive_mode = on; after its "
        "promotion it does."
    )
    assert len(list(explain(replace(standby, mode="always")))) == 2


def test_what_comes_after_a_recovery_is_said_in_order(tmp_path: Path) -> None:
    steps = describe_next(tmp_path, Path("/usr/bin"), {"config_file": "/etc/p.conf"}, URL)
    assert [step.split(":")[0].split()[0] for step in steps] == [
        *("Start", "Look", "Promote", "With", "Start")
    ]
    assert f'-o "-p 5433 -c config_file=/etc/p.conf -c data_directory={tmp_path}"' in steps[0]
    (tmp_path / "postgresql.conf").touch()
    assert '-o "-p 5433"' in describe_next(tmp_path, Path("/usr/bin"), {}, URL)[0]


@pytest.mark.parametrize(
    ("account", "begin"), [("postgres", "runuser -u postgres -- /usr/bin/"), (None, "/usr/bin/")]
)
def test_root_starts_the_server_as_its_account_without_sudo(
    account: str | None, begin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folder, "find_account", lambda: account)
    steps = describe_next(tmp_path, Path("/usr/bin"), {}, URL)
    for step in (steps[0], steps[2]):
        assert f": {begin}pg_ctl" in step


@pytest.mark.parametrize(
    ("url", "command"),
    [
        (URL, "psql -h db.local -p 5433 -U ana -d desk"),
        ("postgresql://a%20b@/desk?host=/run/pg", "psql -h /run/pg -p 5433 -U 'a b' -d desk"),
        ("postgresql:///desk", "psql -h localhost -p 5433 -d desk"),
    ],
)
def test_psql_has_the_login_of_the_old_server_and_no_password(url: str, command: str) -> None:
    assert build_psql(url) == command


def test_a_time_that_is_to_come_is_refused() -> None:
    words = ("recover", "--to", "2999-01-01T00:00:00Z", "--into", "x")
    ended = CliRunner().invoke(db.build_app(), words)
    assert isinstance(ended.exception, InvalidUsageError)
    assert "2999-01-01T00:00:00.000000Z is in the future" in str(ended.exception)


def test_a_folder_that_cannot_be_made_is_named_as_it_was_given(tmp_path: Path) -> None:
    given = tmp_path / ("x" * 300)
    with pytest.raises(PlaceError) as refused:
        data_folder.DataFolder(given).make()
    assert str(refused.value).startswith(f"{given} cannot be used")


@pytest.mark.parametrize("stanza", ["", "main"])
def test_without_a_place_nothing_is_verified_but_by_pgbackrest(
    stanza: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHATIA_WAL_ARCHIVE", "CHATIA_BACKUPS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHATIA_PGBACKREST_STANZA", stanza)
    monkeypatch.setattr(PgBackRest, "verify", lambda *_: _raise_no_backup())
    ended = CliRunner().invoke(db.build_app(), ["verify"])
    if stanza:
        assert isinstance(ended.exception, RefusedError)
    else:
        assert isinstance(ended.exception, InvalidUsageError)
        assert "set CHATIA_BACKUPS, or use --to" in str(ended.exception)


def _raise_no_backup() -> None:
    raise RefusalError("The stanza has no good backup.")


def test_a_drill_needs_a_folder_that_is_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    ended = CliRunner().invoke(db.build_app(), ["drill", "--scratch", str(missing)])
    assert isinstance(ended.exception, InvalidUsageError)
    assert f"there is no folder {missing}" in str(ended.exception)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--to", "latest"),
        ("--into", "x"),
        ("--to", "latest", "--into", "x", "--finish"),
        ("--to", "yesterday", "--into", "x"),
    ],
)
def test_a_recovery_needs_a_target_and_a_folder_or_is_finished(words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(db.build_app(), ["recover", *words])
    assert isinstance(ended.exception, InvalidUsageError)


@pytest.mark.parametrize("command", ["base-backup", "drill"])
def test_nothing_begins_without_a_folder_for_wal(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHATIA_WAL_ARCHIVE", "CHATIA_PGBACKREST_STANZA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHATIA_BACKUPS", "/nowhere")
    ended = CliRunner().invoke(db.build_app(), [command])
    assert isinstance(ended.exception, InvalidUsageError)


def test_a_quote_in_a_setting_is_doubled() -> None:
    assert quote_literal("sh 'a'") == "'sh ''a'''"


@pytest.mark.parametrize("mode", ["on", "always"])
async def test_a_standby_that_archives_nothing_makes_no_base_backup(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(_: object) -> Archiving:
        return replace(WORKING, is_standby=True, mode=mode)

    monkeypatch.setattr(server, "read_archiving", read)
    conn = cast("AsyncConnection", None)
    if mode == "always":
        await server.check_archiving(conn)
        return
    with pytest.raises(RefusalError, match="standby, which archives no WAL"):
        await server.check_archiving(conn)
