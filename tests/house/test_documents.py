"""Every command of `chatia` has an example in the documents, and every setting a row in a table."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from shared.cli.app import build_app
from shared.settings import MODELS, KafkaSettings
from tests.support.documents import Kind, read_blocks
from tests.support.sources import ROOT, sources

BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"(?:^|&& )(make(?: [A-Za-z0-9_.=/-]+)+)", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
ROW = re.compile(r"^\| *`.*$", re.MULTILINE)
OF_OUR_OWN = re.compile(r"os\.(?:environ\.get|getenv)\(\"([A-Z_]+)\"")


def documents() -> str:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(path.read_text("utf-8") for path in paths)


def list_commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(words)
        return
    for name, inner in command.commands.items():
        yield from list_commands(inner, (*words, name))


def find_without_example(commands: list[str], text: str) -> list[str]:
    """Return the commands that stand in no block and in no `code` of a document."""
    examples = "\n".join([*BLOCK.findall(text), *SPAN.findall(BLOCK.sub("", text))])
    return [name for name in commands if not re.search(rf"\bchatia {name}(?![\w-])", examples)]


def list_variables() -> Iterator[str]:
    """Yield the variable of every setting, and what the program reads beside them."""
    for model in MODELS:
        for name, field in model.model_fields.items():
            if model is KafkaSettings:
                yield f"KAFKA_{name}".upper()
            elif field.alias:
                yield field.alias
    for source in sources("services", "shared"):
        yield from OF_OUR_OWN.findall(source.text)


def find_without_row(variables: set[str], text: str) -> list[str]:
    """Return the variables that stand in no table of a document."""
    named = {word for row in ROW.findall(text) for word in re.findall(r"[A-Z][A-Z_]+", row)}
    return sorted(variables - named)


def test_every_command_has_an_example() -> None:
    commands = sorted(list_commands(typer.main.get_command(build_app())))
    assert len(commands) > 30
    assert find_without_example(commands, documents()) == []


def test_every_make_command_of_the_documents_is_one() -> None:
    commands = sorted(set(MAKE.findall("\n".join(BLOCK.findall(documents())))))
    assert ["make", "demo"] in [command.split() for command in commands]
    for command in commands:
        ended = subprocess.run(  # noqa: S603 - make itself, which only prints
            ["make", "--dry-run", *command.split()[1:]],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr


def test_every_block_of_the_first_day_has_a_picture() -> None:
    page = ROOT / "docs" / "first-day.md"
    blocks = [block for block in read_blocks(page) if block.kind in {Kind.SHELL, Kind.SHOWN}]
    pictures = re.findall(r"\]\((pictures/.*?)\)", page.read_text("utf-8"))
    assert pictures == [f"pictures/first-day-{n}.svg" for n in range(1, len(blocks) + 1)]
    assert all((page.parent / picture).is_file() for picture in pictures)


def test_every_setting_is_in_a_table() -> None:
    assert find_without_row(set(list_variables()), documents()) == []


def test_every_version_of_the_changelog_has_notes_for_upgrading() -> None:
    changelog, upgrading = (
        (ROOT / path).read_text("utf-8") for path in ("CHANGELOG.md", "docs/upgrading.md")
    )
    versions = re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)
    assert versions == re.findall(r"^### (.+)$", upgrading, flags=re.MULTILINE)
    assert versions


@pytest.mark.parametrize(
    "text",
    ["chatia db upgrade", "`chatia db upgrades`", "`chatia db`", "```\nchatia-db upgrade\n```"],
)
def test_a_planted_command_without_example_is_found(text: str) -> None:
    assert find_without_example(["db upgrade"], text) == ["db upgrade"]


@pytest.mark.parametrize("text", ["`chatia db upgrade --check`", "```sh\nchatia db upgrade\n```\n"])
def test_an_example_is_found_in_code(text: str) -> None:
    assert find_without_example(["db upgrade"], text) == []


def test_a_planted_setting_without_row_is_found() -> None:
    text = "`CHATIA_SENDER` is a word.\n| `CHATIA_OTHER` | a row |"
    assert find_without_row({"CHATIA_SENDER", "CHATIA_OTHER"}, text) == ["CHATIA_SENDER"]
