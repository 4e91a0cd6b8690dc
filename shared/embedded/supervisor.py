"""Starts programs again that ended by themselves, each after a growing pause."""

import shutil
import signal
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.errors import EmbeddedError
from shared.embedded.processes import Guarded

POLL_S = 0.5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # a program that was ready for so long begins again with the shortest pause
TAIL_BYTES = 8192
FULL_BYTES = 2**20  # a disk with less free space counts as full
SIGNALLED = 128  # an exit code above it is this plus the number of a signal

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is kept running: how it is started, and how its readiness is seen."""

    name: str
    log_path: Path
    start: Callable[[], Guarded]
    is_ready: Callable[[], bool]
    final_codes: Collection[int] = ()  # exit codes after which another start would end the same way
    ends_with_message: bool = False  # its last line says why it exited


class Supervisor:
    """Watches programs from one thread; `say` receives one line for each thing that happens."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._watched: list[_Watched] = []

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._watched.append(_Watched(program, program.start(), self._say))

    def adopt(self, program: Program, process: Guarded) -> None:
        """Keep a program running that has been started and is ready."""
        self._watched.append(_Watched(program, process, self._say, is_ready=True))

    def check(self) -> None:
        """Look at each program once: say which ended, and start those whose pause is over."""
        now = time.monotonic()
        for watched in self._watched:
            watched.check(now)

    def list_awaited(self) -> Sequence[str]:
        """Return the names of the programs that are not ready, without those that were given up."""
        return [each.program.name for each in self._watched if each.is_awaited]

    def wait_until_ready(self, limit_s: float) -> Sequence[str]:
        """Wait until every program is ready; return the names of those that are not in time."""
        deadline = time.monotonic() + limit_s
        self.check()
        while (awaited := self.list_awaited()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
            self.check()
        return awaited

    def run(self) -> None:
        """Check the programs until an exception, such as that of a signal, ends it."""
        while True:
            time.sleep(POLL_S)
            self.check()


class _Watched:
    """One program, its process, and what is known of it; times are of the monotonic clock."""

    def __init__(
        self, program: Program, process: Guarded, say: Say, *, is_ready: bool = False
    ) -> None:
        self.program = program
        self._process = process
        self._say = say
        self._ready_since = time.monotonic() if is_ready else None
        self._ended_at: float | None = None
        self._due_at: float | None = None
        self._failures = 0
        self._is_given_up = False

    @property
    def is_awaited(self) -> bool:
        return self._ready_since is None and not self._is_given_up

    def check(self, now: float) -> None:
        if self._is_given_up:
            return
        if self._due_at is not None:
            if now >= self._due_at:
                self._start_again(now)
        elif (code := self._process.poll()) is not None:
            self._take_end(code, now)
        elif self._ready_since is None and self.program.is_ready():
            self._take_readiness(now)

    def _take_end(self, code: int, now: float) -> None:
        if self._ready_since is not None and now - self._ready_since >= STEADY_S:
            self._failures = 0
        self._ready_since = None
        self._ended_at = now
        how = self._describe_end(code)
        if code in self.program.final_codes:
            self._is_given_up = True
            self._say(f"{how} and is not started again. {self._log}{self._describe_disk()}")
        else:
            self._plan(how, now)

    def _plan(self, how: str, now: float) -> None:
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self._due_at = now + pause
        self._say(f"{how} and is started again in {pause:g} s. {self._log}{self._describe_disk()}")

    def _start_again(self, now: float) -> None:
        try:
            self._process = self.program.start()
        except (EmbeddedError, OSError) as error:
            self._plan(f"{self.program.name} cannot be started ({error})", now)
        else:
            self._due_at = None

    def _take_readiness(self, now: float) -> None:
        self._ready_since = now
        if self._ended_at is not None:
            self._say(f"{self.program.name} runs again, {now - self._ended_at:.0f} s after its end")

    def _describe_disk(self) -> str:
        """Return that no space is left, which a log on a full disk cannot say."""
        folder = self.program.log_path.parent
        is_full = folder.exists() and shutil.disk_usage(folder).free < FULL_BYTES
        return f" No space is left on the disk of {folder}." if is_full else ""

    def _describe_end(self, code: int) -> str:
        if code < 0 or code > SIGNALLED:  # below zero, its guard was killed
            number = -code if code < 0 else code - SIGNALLED
            return f"{self.program.name} was ended by {_name_signal(number)}"
        reason = _read_last_line(self.program.log_path) if self.program.ends_with_message else ""
        return f"{self.program.name} ended with exit code {code}{reason and f' ({reason})'}"

    @property
    def _log(self) -> str:
        return f"Its log: {self.program.log_path}"


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read_last_line(path: Path) -> str:
    """Return the last line of a log that is not empty, as far as it is in the last bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = log.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
