"""The installation of the packages says how far it is."""

from pathlib import Path

import pytest

from shared.dev import install

FETCHING = [
    "Collecting aiokafka==0.13.0 (from -r requirements.lock (line 6))\n",
    "  Using cached aiokafka-0.13.0-cp311-cp311-linux.whl (1 MB)\n",
    "Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment\n",
]


def read(*lines: str) -> install.Progress:
    progress = install.Progress(3)
    progress.read(lines)
    return progress


def test_packages_are_counted_as_pip_takes_them_up() -> None:
    assert read().describe(0.2) == "Installing: 0 of 3 packages, 0 s"
    assert read(*FETCHING).describe(8.4) == "Installing: 2 of 3 packages, 8 s (colorama)"


def test_unpacking_is_told_apart_from_fetching() -> None:
    unpacking = read(*FETCHING, "Installing collected packages: aiokafka, alembic\n")
    assert unpacking.describe(20) == "Installing: 3 packages are fetched, unpacking, 20 s"


def test_a_failure_shows_what_pip_printed_and_has_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "broken.lock"
    lock.write_text("this is no requirement", "utf-8")
    assert install.main(["install.py", str(lock)]) == 1
    assert "Invalid requirement" in capsys.readouterr().err


def test_each_line_stands_alone_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    install.show("one")
    install.show("two")
    assert capsys.readouterr().out == "one\ntwo\n"
