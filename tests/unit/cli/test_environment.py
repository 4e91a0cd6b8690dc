"""`chatia env`: lines that a shell evaluates."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.cli.environment import choose_variables, env
from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.cli.worker import Service

CONTENT: dict[str, Any] = {
    "pid": os.getpid(),
    "kafka_is_real": True,
    "DATABASE_URL": "postgresql://owner:x@127.0.0.1:1/chatia",
    "DB_READER_USER": "chatia_reader",
    "DB_READER_PASS": "it's $HOME",
    "logins": {"tickets": "postgresql://chatia_tickets:y@127.0.0.1:1/chatia"},
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "runtime.json").write_text(json.dumps(CONTENT), "utf-8")
    return tmp_path


def test_a_shell_gets_the_values_unchanged(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env(state=state)
    script = capsys.readouterr().out + 'printf %s "$DB_READER_PASS"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, check=True)  # noqa: S603, S607 - printed by us
    assert shown.stdout.decode() == "it's $HOME"


def test_a_service_gets_its_own_login_and_not_that_of_readers() -> None:
    variables = choose_variables(CONTENT, "tickets")
    assert variables == {"DATABASE_URL": "postgresql://chatia_tickets:y@127.0.0.1:1/chatia"}


def test_without_a_service_it_is_the_owners_login() -> None:
    variables = choose_variables(CONTENT, None)
    assert set(variables) == {"DATABASE_URL", "DB_READER_USER", "DB_READER_PASS"}
    assert variables["DATABASE_URL"] == CONTENT["DATABASE_URL"]


def test_a_service_whose_password_is_not_known_is_wrong_usage() -> None:
    with pytest.raises(InvalidUsageError, match="ROLE_PASSWORD_CONTACTS"):
        choose_variables(CONTENT, Service.CONTACTS)


def test_the_folder_of_chatia_is_put_on_the_path_if_it_is_not_there(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    env(state=state)
    assert f'export PATH={Path(sys.executable).parent}:"$PATH"\n' in capsys.readouterr().out


def test_nothing_that_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(DependencyFailedError, match="start `chatia up` first"):
        env(state=tmp_path)
