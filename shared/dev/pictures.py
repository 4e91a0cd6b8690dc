"""Draws the pictures of `docs/first-day.md`: its blocks run in order, and their screens are SVGs.

    python -m shared.dev.pictures

The first block runs until everything is ready; the others run in a second terminal meanwhile.
"""

import io
import os
import pty
import re
import signal
import subprocess
import tempfile
import termios
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, cast

from markdown_it import MarkdownIt
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "first-day.md"
PICTURES = ROOT / "docs" / "pictures"
SHOWN = {"", "sh", "text"}  # the tags of blocks that have a picture
COLUMNS, LINES = 110, 50
READY = "Ctrl-C ends everything."
SHOWN_FOLDER = "~/chatia-flow"  # instead of the folder in which the pictures are drawn
SECRET = re.compile(r"[0-9a-f]{64}|(?<=admin@admin\.com is )\S+")
HERE_DOCUMENT = re.compile(r"<<'(\w+)'")
MARK = "--- the end of the block"


class Terminal:
    """A bash in a terminal of its own; variables and jobs stay from one block to the next."""

    def __init__(self, folder: Path) -> None:
        self._screen, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (LINES, COLUMNS))
        self._process = subprocess.Popen(
            ["/bin/bash", "-euo", "pipefail", "-s"],
            cwd=folder,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._commands = cast("IO[bytes]", self._process.stdin)

    def run(self, block: str, until: str = MARK) -> str:
        """Run a block; return what it prints, to its end or until a text is printed."""
        self._commands.write(f"{block}\nprintf -- '{MARK}\\n'\n".encode())
        self._commands.flush()
        printed = ""
        while until not in printed:
            try:
                printed += os.read(self._screen, 65_536).decode("utf-8", "replace")
            except OSError as error:  # the bash has ended
                raise SystemExit(f"This block failed:\n{block}\n{printed}") from error
        return printed.partition(MARK)[0]

    def close(self) -> None:
        """End what still runs, and wait for its end."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._commands.close()
        with suppress(OSError):  # it says that every program has closed the terminal
            while os.read(self._screen, 65_536):
                pass
        self._process.wait()
        os.close(self._screen)


def main() -> None:
    """Run the blocks in a new folder and write one picture for each."""
    tokens = MarkdownIt().parse(PAGE.read_text("utf-8"))
    first, *others = [t.content for t in tokens if t.type == "fence" and t.info in SHOWN]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        for needed in ("Makefile", "requirements.lock", "pyproject.toml"):
            (folder / needed).symlink_to(ROOT / needed)
        servers, other = Terminal(folder), Terminal(folder)
        stack.callback(servers.close)
        stack.callback(other.close)
        _draw(1, first, servers.run(first, READY), folder)
        for number, block in enumerate(others, 2):
            _draw(number, block, other.run(block), folder)


def _draw(number: int, block: str, printed: str, folder: Path) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for command in _add_prompts(block.splitlines()):
        console.print(command, style="bold green", markup=False, highlight=False)
    shown = printed.replace(str(folder), SHOWN_FOLDER).replace("\r\n", "\n").rstrip()
    console.print(Text.from_ansi(SECRET.sub("••••••••", shown)))
    svg = console.export_svg(title="ChatIA Flow", unique_id=f"{PAGE.stem}-{number}")
    path = PICTURES / f"{PAGE.stem}-{number}.svg"
    path.write_text("\n".join(_leave_out_fonts(svg.splitlines())) + "\n", "utf-8")


def _leave_out_fonts(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of an SVG but for those that would load fonts from other servers."""
    is_font = False
    for line in lines:
        is_font = is_font or line.strip().startswith("@font-face")
        if line.strip() and not is_font:
            yield line.rstrip()
        is_font = is_font and line.strip() != "}"


def _add_prompts(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines as a shell shows them: `>` before those that continue a command."""
    ends_with = ""  # of a here-document
    is_continued = False
    for line in lines:
        yield f"> {line}" if is_continued else f"$ {line}"
        if started := HERE_DOCUMENT.search(line):
            ends_with = started[1]
        elif line == ends_with:
            ends_with = ""
        is_continued = bool(ends_with) or line.endswith(("|", ",", "\\"))


if __name__ == "__main__":
    main()
