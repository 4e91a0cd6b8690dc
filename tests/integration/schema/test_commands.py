"""`chatia db`: its output as text and JSON, and its exit codes."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from shared.cli import db, db_connection
from shared.cli.errors import CommandError

pytestmark = pytest.mark.integration

Chatia = Callable[..., Result]


@pytest.fixture
def chatia(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Chatia:
    """Run `chatia db …` on an empty database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    return lambda *words: CliRunner().invoke(db.build_app(), words)


def test_upgrade_current_history_downgrade(chatia: Chatia) -> None:
    assert "run `chatia db upgrade`" in chatia("current").output
    assert "The schema went from its beginning" in chatia("upgrade").output
    assert "Nothing to do" in chatia("upgrade").output
    current = json.loads(chatia("current", "--json").output)
    steps = json.loads(chatia("history", "--json").output)
    assert current == {"revision": steps[-1]["revision"], "pending": 0}
    assert "to its beginning" in chatia("downgrade", "base").output


def test_one_step_back_is_minus_one(chatia: Chatia) -> None:
    chatia("upgrade")
    assert chatia("downgrade", "-1").exit_code == 0
    assert json.loads(chatia("current", "--json").output)["pending"] == 1


def test_seed_prints_the_password_once_and_unseed_removes(chatia: Chatia) -> None:
    chatia("upgrade")
    assert "The password of admin@admin.com is " in chatia("seed").output
    assert "password" not in chatia("seed").output
    assert "2 rows removed" in chatia("unseed").output


def test_a_given_password_is_not_printed(chatia: Chatia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "123456")
    chatia("upgrade")
    assert "123456" not in chatia("seed").output


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("upgrade", "nope"), 2, "nope"),
        (("seed", "nope"), 2, "There is no seed nope"),
        (("unseed", "20200904070003-create-default-company"), 4, "is in use by"),
    ],
)
def test_refusals_have_a_reason(
    chatia: Chatia, words: tuple[str, ...], code: int, sentence: str
) -> None:
    chatia("upgrade")
    chatia("seed")
    error = chatia(*words).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == code
    assert sentence in str(error)
    assert "\n" not in str(error)


def test_without_tables_the_error_names_the_command_to_create_them(chatia: Chatia) -> None:
    error = chatia("seed").exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 3
    assert "chatia db upgrade" in str(error)


def test_a_database_that_does_not_answer_is_an_outage(
    chatia: Chatia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_connection, "PAUSES_SECONDS", (0.0,))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    error = chatia("current").exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 3
