"""The fenced blocks of documents: what a reader pastes, and what the documents say it prints."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from typing_extensions import override

FENCE = "```"
PROMPT = "$ "
BLANK = "…"  # in a command: to be filled in; in an output: any text
STATEMENT = re.compile(r"(?:SELECT|INSERT|UPDATE|DELETE|BEGIN|WITH|ALTER|EXPLAIN)\b")
TAGS = ("", "sh", "sql", "json", "output", "text")


class Kind(StrEnum):
    """How a block is used."""

    SHELL = "sh"
    SQL = "sql"
    JSON = "json"
    SHOWN = "text"  # a diagram, or commands that nobody should run as they are


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document, and the lines that it prints, as far as the document says so."""

    document: str
    line: int
    kind: Kind
    text: str
    printed: tuple[str, ...] = ()

    @override
    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def read_blocks(path: Path) -> list[Block]:
    """Return the blocks of a document in order.

    A block without a tag is SQL if it begins with a statement, else shell commands. A block with
    the tag `output` says what the block before it prints. Raises `ValueError` on another tag.
    """
    blocks: list[Block] = []
    for number, tag, lines in _split(path.read_text("utf-8")):
        if tag not in TAGS:
            raise ValueError(f"{path.name}:{number}: {tag} is none of {', '.join(TAGS)}")
        if tag == "output":
            last = blocks.pop()
            printed = (*last.printed, *lines)
            blocks.append(Block(last.document, last.line, last.kind, last.text, printed))
        else:
            blocks.append(_build_block(path.name, number, tag, lines))
    return blocks


def build_pattern(printed: str) -> re.Pattern[str]:
    """Return the pattern of a line that a document says is printed."""
    return re.compile(".*".join(map(re.escape, printed.strip().split(BLANK))))


def _split(text: str) -> Iterator[tuple[int, str, list[str]]]:
    start, tag, lines = 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith(FENCE):
            lines.append(line)
        elif start:
            yield start, tag, lines
            start = 0
        else:
            start, tag, lines = number, line.removeprefix(FENCE).strip(), []


def _build_block(document: str, number: int, tag: str, lines: list[str]) -> Block:
    if tag in {"", "sh"} and lines and lines[0].startswith(PROMPT):
        commands = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        printed = [line for line in lines if not line.startswith(PROMPT)]
        return _build_shell(document, number, commands, printed)
    is_sql = tag == "" and lines and STATEMENT.match(lines[0])
    if tag in {"", "sh"} and not is_sql:
        return _build_shell(document, number, lines, [])
    return Block(document, number, Kind(tag or Kind.SQL), "\n".join(lines))


def _build_shell(document: str, number: int, commands: list[str], printed: list[str]) -> Block:
    text = "\n".join(commands)
    kind = Kind.SHOWN if BLANK in text else Kind.SHELL
    return Block(document, number, kind, text, tuple(printed))
