"""Draws the pictures of `docs/first-day.md`: its blocks run in order, and their screens are SVGs.

    python -m shared.dev.pictures

The first block runs until everything is ready; the others run in a second terminal meanwhile.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "first-day.md"
PICTURES = ROOT / "docs" / "pictures"
BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
COLUMNS, LINES = 110, 50
READY = "Ctrl-C ends everything."
SHOWN_FOLDER = "~/chatia-flow"  # instead of the folder in which the pictures are drawn
PROMPT = "$ "


def main() -> None:
    """Run the blocks in a new folder and write one picture for each."""
    first, *others = BLOCK.findall(PAGE.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".venv").symlink_to(sys.prefix)
        with _run_first(first, folder) as screen:
            _draw(1, first, screen, folder)
            for number, block in enumerate(others, 2):
                _draw(number, block, _run(block, folder), folder)


@contextmanager
def _run_first(block: str, folder: Path) -> Iterator[str]:
    """Start the first block, and yield its screen once it is ready; interrupt it at the end."""
    with _start(block, folder) as (process, screen):
        try:
            yield _read(screen, READY)
        finally:
            process.send_signal(signal.SIGINT)
            _read(screen)
            process.wait()


def _run(block: str, folder: Path) -> str:
    connected = f'eval "$(.venv/bin/chatia env)"\n{block}'
    with _start(connected, folder) as (process, screen):
        printed = _read(screen)
        if process.wait():
            raise SystemExit(f"This block failed:\n{block}\n{printed}")
    return printed


@contextmanager
def _start(commands: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a bash with commands in a terminal of its own; yield it and the terminal's output."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (LINES, COLUMNS))
    try:
        process = subprocess.Popen(  # noqa: S603 - the commands of our own page
            ["/bin/bash", "-euo", "pipefail", "-c", f"{commands}\n"],
            cwd=folder,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    try:
        yield process, ours
    finally:
        os.close(ours)


def _read(screen: int, until: str = "") -> str:
    """Return what is printed, to its end or until a text."""
    printed = ""
    while not until or until not in printed:
        try:
            chunk = os.read(screen, 65_536)
        except OSError:  # every program of this terminal has ended
            break
        printed += chunk.decode("utf-8", "replace")
    return printed


def _draw(number: int, block: str, printed: str, folder: Path) -> None:
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w", encoding="utf-8"))
    for command in _join_lines(block.splitlines()):
        console.print(f"{PROMPT}{command}", style="bold green", markup=False, highlight=False)
    shown = printed.replace(str(folder), SHOWN_FOLDER).replace("\r\n", "\n").rstrip()
    console.print(Text.from_ansi(shown))
    svg = console.export_svg(title="ChatIA Flow", unique_id=f"first-day-{number}")
    path = PICTURES / f"{PAGE.stem}-{number}.svg"
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", "utf-8")


def _join_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield the commands; the later lines of one are indented as a shell shows them."""
    for number, line in enumerate(lines):
        is_continued = number > 0 and line.startswith((" ", "END"))
        yield f"> {line}" if is_continued else line


if __name__ == "__main__":
    main()
