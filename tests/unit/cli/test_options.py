"""Options that are declared once and shared by commands."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from shared.cli.dead_letter_options import ActionOptions
from shared.cli.options import expand_option_groups


@dataclass(frozen=True, slots=True)
class Size:
    """Two options."""

    high: Annotated[int, typer.Option(min=1)]
    wide: int = 2


@expand_option_groups
def build(name: str, *, size: Size, loud: bool = False) -> None:
    """Build something."""
    typer.echo(f"{name} {size} {loud}")


def test_each_field_is_an_option_and_the_command_takes_one_value() -> None:
    app = typer.Typer()
    app.command()(build)
    ended = CliRunner().invoke(app, ["x", "--high", "3", "--loud"])
    assert ended.output == "x Size(high=3, wide=2) True\n"
    assert CliRunner().invoke(app, ["x"]).exit_code == 2
    assert CliRunner().invoke(app, ["x", "--high", "0"]).exit_code == 2


def test_the_docstring_and_the_order_stay() -> None:
    assert build.__doc__ == "Build something."
    assert list(inspect.signature(build).parameters) == ["name", "high", "wide", "loud"]


def test_the_operator_is_the_login_name_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ana")
    assert ActionOptions().operator == "ana"
    assert ActionOptions(by="rui").operator == "rui"


def test_a_user_without_a_name_is_recorded_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    assert ActionOptions().operator == f"uid {2**31 - 7}"
