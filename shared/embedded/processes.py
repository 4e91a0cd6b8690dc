"""Starts processes that are stopped when the starting process ends for any reason."""

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
class StopSignals:
    """How a program is stopped: by the first signal, and after `grace_s` by the second."""

    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_s: float = GRACE_S


DEFAULT_SIGNALS = StopSignals()


class Guarded:
    """A program and its guard; `pid` is that of the program."""

    def __init__(
        self, guard: subprocess.Popen[bytes], pid: int, argv: Sequence[str], log_path: Path
    ) -> None:
        self.pid = pid
        self.argv = tuple(argv)
        self.log_path = log_path
        self._guard = guard

    @property
    def guard_pid(self) -> int:
        """Return the pid of the guard."""
        return self._guard.pid

    @classmethod
    def start(  # noqa: PLR0913 - the parameters of a process
        cls,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signals: StopSignals = DEFAULT_SIGNALS,
        keep_fds: Sequence[int] = (),
    ) -> Self:
        """Start `argv` with its output appended to the log; the guard keeps `keep_fds` open."""
        log_path.parent.mkdir(parents=True, exist_ok=True)
        report, report_fd = os.pipe()
        spec = {
            "report_fd": report_fd,
            "user": user,
            "stop_signal": stop_signals.stop_signal,
            "death_signal": stop_signals.death_signal,
            "grace_s": stop_signals.grace_s,
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
            return cls._read_report(guard, answers.readline().strip(), argv, log_path)

    @classmethod
    def _read_report(
        cls, guard: subprocess.Popen[bytes], answer: str, argv: Sequence[str], log_path: Path
    ) -> Self:
        word, _, rest = answer.partition(" ")
        if word != "pid":
            _close_pipe(guard)
            guard.wait()
            raise StartError(f"{argv[0]} cannot be started ({rest or f'see {log_path}'}).")
        return cls(guard, int(rest), argv, log_path)

    def poll(self) -> int | None:
        """Return the exit code (128 + signal if one ended it), or None while it runs."""
        code = self._guard.poll()
        if code is not None:
            _close_pipe(self._guard)
        return code

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until the program ends by itself; raises TimeoutError."""
        try:
            code = self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.argv[0]} still runs after {timeout_s} s.") from None
        _close_pipe(self._guard)
        return code

    def finish(self, limit_s: float) -> int:
        """Wait for the end of a short program; kills it and raises StartError after the limit."""
        try:
            return self.wait(limit_s)
        except TimeoutError:
            raise StartError(f"{self.argv[0]} does not end: see {self.log_path}.") from None
        finally:
            self.kill()

    def stop(self, grace_s: float = GRACE_S) -> int:
        """Stop it, by a second signal after `grace_s`, and return its exit code."""
        return self._send_order(f"stop {grace_s}\n".encode(), grace_s + ESCALATION_S)

    def kill(self) -> int:
        """Kill it with SIGKILL, and return its exit code."""
        return self._send_order(b"kill\n", ESCALATION_S)

    def _send_order(self, line: bytes, timeout_s: float) -> int:
        if self.poll() is None and self._guard.stdin is not None:
            try:
                self._guard.stdin.write(line)
                self._guard.stdin.flush()
            except BrokenPipeError:
                pass  # it has ended by itself
        try:
            return self.wait(timeout_s)
        except TimeoutError:
            self._guard.kill()  # on Linux the kernel then kills the program
            return self.wait()


def _close_pipe(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        try:
            guard.stdin.close()
        except BrokenPipeError:
            guard.stdin = None
