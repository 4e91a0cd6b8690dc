"""The blocks of documents, and the terminal that runs them."""

import os
from pathlib import Path

import pytest

from tests.support.documents import Kind, build_pattern, read_blocks
from tests.support.terminal import open_terminal

VARIABLES = {"PATH": os.environ["PATH"]}


def read(folder: Path, *lines: str) -> list[tuple[Kind, str, tuple[str, ...]]]:
    path = folder / "page.md"
    path.write_text("\n".join(lines), "utf-8")
    return [(block.kind, block.text, block.printed) for block in read_blocks(path)]


def test_a_block_is_shell_commands_unless_it_begins_with_a_statement(tmp_path: Path) -> None:
    blocks = read(tmp_path, "Text", "```", "echo 1", "echo 2", "```", "```", "SELECT 1", "```")
    assert blocks == [(Kind.SHELL, "echo 1\necho 2", ()), (Kind.SQL, "SELECT 1", ())]


def test_a_tag_says_what_a_block_is(tmp_path: Path) -> None:
    blocks = read(tmp_path, "```json", "{}", "```", "```text", "echo 1", "```", "```sh", "x", "```")
    assert blocks == [(Kind.JSON, "{}", ()), (Kind.SHOWN, "echo 1", ()), (Kind.SHELL, "x", ())]


def test_an_output_belongs_to_the_block_before_it(tmp_path: Path) -> None:
    blocks = read(tmp_path, "```", "echo 1", "```", "It prints:", "```output", "1", "```")
    assert blocks == [(Kind.SHELL, "echo 1", ("1",))]
    assert read(tmp_path, "```", "$ echo 1", "1", "```") == blocks


def test_a_command_with_a_blank_is_only_shown(tmp_path: Path) -> None:
    assert read(tmp_path, "```", "DB_PASS=… chatia up", "```")[0][0] is Kind.SHOWN


def test_an_unknown_tag_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"page\.md:2: mermaid"):
        read(tmp_path, "Text", "```mermaid", "```")


def test_a_blank_in_an_output_is_any_text() -> None:
    pattern = build_pattern("  token  … (new)")
    assert pattern.fullmatch("token  5d0c (new)")
    assert not pattern.fullmatch("token  5d0c")


async def test_variables_and_jobs_stay_from_one_block_to_the_next(tmp_path: Path) -> None:
    async with open_terminal(tmp_path, VARIABLES) as terminal:
        assert (await terminal.run("A=1\nsleep 600 &")).strip() == ""
        assert (await terminal.run('echo "$A"; jobs -r | wc -l')).split() == ["1", "1"]


@pytest.mark.parametrize("commands", ["false", "false | cat", 'echo "$NOBODY"', "echo 1; exit 3"])
async def test_a_command_that_fails_ends_its_terminal(tmp_path: Path, commands: str) -> None:
    async with open_terminal(tmp_path, VARIABLES) as terminal:
        await terminal.run("sleep 600 &")
        with pytest.raises(AssertionError, match="failed after it printed"):
            await terminal.run(commands)
