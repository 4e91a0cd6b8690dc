"""Tables fit the terminal: cells are cut, then columns are left out, and it is said which."""

import pytest

from shared.cli import output
from shared.cli.output import fit_columns

WIDTHS = {"id": 4, "reason": 12, "topic": 30, "detail": 60}


@pytest.mark.parametrize(
    ("room", "shown", "cut_to"),
    [
        (112, ["id", "reason", "topic", "detail"], None),
        (111, ["id", "reason", "topic", "detail"], 59),
        (68, ["id", "reason", "topic", "detail"], 16),
        (67, ["id", "reason", "detail"], 47),
        (36, ["id", "reason", "detail"], 16),
        (35, ["id", "detail"], 29),
        (10, ["id", "detail"], 16),
    ],
)
def test_a_column_is_cut_before_others_are_left_out(
    room: int, shown: list[str], cut_to: int | None
) -> None:
    assert fit_columns(WIDTHS, room, "detail", ("topic", "reason")) == (shown, cut_to)


def test_without_a_column_to_cut_columns_are_left_out() -> None:
    assert fit_columns(WIDTHS, 50, "", ("topic", "detail")) == (["id", "reason"], None)
    assert fit_columns(WIDTHS, 82, "", ("topic", "detail")) == (["id", "reason", "detail"], None)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make standard output a terminal of 40 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")


ROWS = [(1, "poison", "chatia.message.received", "Não é um objeto, e sim uma lista")]
COLUMNS = ("id", "reason", "topic", "detail")


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_is_told_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, ROWS, shrinks="detail", optional=("topic",))
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1] == " 1  poison  Não é um objeto, e sim uma …"
    assert printed.err == "Left out in a terminal of 40 columns: topic; --json has everything.\n"


def test_a_program_gets_every_cell_in_full(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output.print_table(COLUMNS, ROWS, shrinks="detail", optional=("topic",))
    printed = capsys.readouterr()
    assert all(str(cell) in printed.out for cell in ROWS[0])
    assert printed.err == ""
