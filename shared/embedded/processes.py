"""Processes that end with the process that started them, however that one ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shared.embedded.errors import StartError

GRACE_S = 15.0
ESCALATION_S = 10.0
GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program is stopped: asked by one signal, then told by the other."""

    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_s: float = GRACE_S


POLITE = Ending()


class Guarded:
    """A program under its guard; `pid` is the program's own."""

    def __init__(
        self, guard: subprocess.Popen[bytes], pid: int, argv: Sequence[str], log_path: Path
    ) -> None:
        self.pid = pid
        self.argv = tuple(argv)
        self.log_path = log_path
        self._guard = guard

    @property
    def guard_pid(self) -> int:
        """The guard's pid, for tests that kill guards."""
        return self._guard.pid

    @classmethod
    def start(  # noqa: PLR0913 - the words of a command line
        cls,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        ending: Ending = POLITE,
        keep_fds: Sequence[int] = (),
    ) -> Self:
        """Start `argv` with its output appended to the log; the guard keeps `keep_fds` open."""
        log_path.parent.mkdir(parents=True, exist_ok=True)
        report, report_fd = os.pipe()
        spec = {
            "report_fd": report_fd,
            "user": user,
            "stop_signal": ending.stop_signal,
            "death_signal": ending.death_signal,
            "grace_s": ending.grace_s,
        }
        # -I -S: no site-packages and no environment, so that the guard starts at once.
        command = [sys.executable, "-I", "-S", str(GUARD), json.dumps(spec), *argv]
        with os.fdopen(report) as answers:
            try:
                with log_path.open("ab") as log:
                    guard = subprocess.Popen(  # noqa: S603 - the caller's own argv, never a shell
                        command,
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=log,
                        env=env,
                        cwd=cwd,
                        start_new_session=True,
                        pass_fds=(report_fd, *keep_fds),
                    )
            finally:
                os.close(report_fd)
            return cls._greet(guard, answers.readline().strip(), argv, log_path)

    @classmethod
    def _greet(
        cls, guard: subprocess.Popen[bytes], answer: str, argv: Sequence[str], log_path: Path
    ) -> Self:
        word, _, rest = answer.partition(" ")
        if word != "pid":
            _close(guard)
            guard.wait()
            raise StartError(f"{argv[0]} cannot be started ({rest or f'see {log_path}'}).")
        return cls(guard, int(rest), argv, log_path)

    def poll(self) -> int | None:
        """Return the exit code (128 + signal where one ended it), or None while it runs."""
        code = self._guard.poll()
        if code is not None:
            _close(self._guard)
        return code

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the program's own end; raises TimeoutError."""
        try:
            code = self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.argv[0]} still runs after {timeout_s} s.") from None
        _close(self._guard)
        return code

    def finish(self, limit_s: float) -> int:
        """Wait for the end of a short program; where that does not come, it is ended."""
        try:
            return self.wait(limit_s)
        except TimeoutError:
            raise StartError(f"{self.argv[0]} does not end: see {self.log_path}.") from None
        finally:
            self.kill()

    def stop(self, grace_s: float = GRACE_S) -> int:
        """Ask it to end, insist after `grace_s`, and return its exit code; again is harmless."""
        return self._order(f"stop {grace_s}\n".encode(), grace_s + ESCALATION_S)

    def kill(self) -> int:
        """End it at once, as a power cut would."""
        return self._order(b"kill\n", ESCALATION_S)

    def _order(self, line: bytes, timeout_s: float) -> int:
        if self.poll() is None and self._guard.stdin is not None:
            try:
                self._guard.stdin.write(line)
                self._guard.stdin.flush()
            except BrokenPipeError:
                pass  # it ended by itself meanwhile
        try:
            return self.wait(timeout_s)
        except TimeoutError:
            self._guard.kill()  # takes the program along where the kernel knows how
            return self.wait()


def _close(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        try:
            guard.stdin.close()
        except BrokenPipeError:
            guard.stdin = None
