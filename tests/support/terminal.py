"""A terminal in which the commands of documents run as a reader pastes them."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PATIENCE_S = 120.0  # for one block, also on a busy machine
LEAVING_S = 15.0
LONGEST_LINE = 2**24  # bytes
# A command that fails, also inside a pipe, or that names an undefined variable, ends it.
SHELL = ("bash", "--norc", "--noprofile", "-euo", "pipefail")
END = "--- the end of block"
# Its output stays open as long as a job in its background runs, so the end has a mark, too.
ENDED = "--- the terminal ended"


class Terminal:
    """One bash: variables and background jobs stay from one block to the next."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.folder = folder
        self._process = process
        self._blocks = 0

    async def run(self, commands: str) -> str:
        """Run commands and return what they print; raises `AssertionError` if one fails."""
        self._blocks += 1
        path = self.folder / f".block-{self._blocks}"
        path.write_text(f"{commands}\n", "utf-8")
        mark = f"{END} {self._blocks}"
        assert self._process.stdin
        self._process.stdin.write(f". {path} </dev/null; printf '\\n%s\\n' '{mark}'\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            printed, is_complete = await self._read_until(mark)
        assert is_complete, f"{commands}\n--- failed after it printed\n{printed}"
        return printed

    async def _read_until(self, mark: str) -> tuple[str, bool]:
        assert self._process.stdout
        lines: list[str] = []
        while line := (await self._process.stdout.readline()).decode("utf-8", "replace"):
            if line.strip() in {mark, ENDED}:
                return "".join(lines), line.strip() == mark
            lines.append(line)
        return "".join(lines), False


@asynccontextmanager
async def open_terminal(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """Open a terminal in a folder; at the end, end it and the jobs in its background."""
    process = await asyncio.create_subprocess_exec(
        *SHELL,
        cwd=folder,
        env=dict(environment),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    assert process.stdin
    process.stdin.write(f"trap \"printf '\\n%s\\n' '{ENDED}'\" EXIT\n".encode())
    try:
        yield Terminal(process, folder)
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):  # all of its processes have ended
            os.killpg(process.pid, ending)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_S):
                await process.communicate()  # until no process of the group holds its output
                return
