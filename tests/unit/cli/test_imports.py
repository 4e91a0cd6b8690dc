"""A command imports only what it needs: each second of imports is a second of every call."""

import subprocess
import sys

import pytest

from tests.support.sources import ROOT

# What other commands need, and takes a tenth of a second or more.
HEAVY = {
    "fastapi",
    "faststream",
    "services",
    "shared.backup",
    "shared.embedded",
    "shared.generate",
    "shared.recovery",
    "uvicorn",
}


def list_imports(*words: str) -> set[str]:
    """Return the modules that a new process has imported when it can run a command."""
    program = (
        "import sys\nfrom shared.cli.app import build_app\n"
        f"build_app(*{words!r})\nprint(*sys.modules)"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("db", "doctor"), {"shared.backup"}),  # it looks at the last backup
        (("db", "locks"), set()),
        (("db", "size"), set()),
        (("db", "status"), set()),
        (("query",), set()),
    ],
)
def test_a_command_of_the_database_imports_no_other_heavy_package(
    words: tuple[str, ...], needed: set[str]
) -> None:
    assert HEAVY & list_imports(*words) == needed


def test_what_generate_imports_is_seen() -> None:
    assert HEAVY & list_imports("db", "generate") == {"shared.generate"}
