"""Runs one program and stops it when the parent process ends.

A script that only uses the standard library, so that it starts in milliseconds. Its stdin is a pipe
from the parent: a line is a stop order, end of file means that the parent has ended.
"""

import ctypes
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PR_SET_PDEATHSIG = 1
ORPHAN_CHECK_S = 1.0
KILL_AFTER_S = 3.0


@dataclass
class Order:
    """How the program is to be stopped: signals, and the seconds to wait after the first."""

    signals: list[int] = field(default_factory=list)
    grace_s: float = 0.0


def main() -> int:
    """Start the program of the arguments, report its pid, and wait for an order or its end."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    wakeup_fd = _open_wakeup_pipe()
    report = os.fdopen(spec["report_fd"], "w")
    try:
        program = _start(spec, sys.argv[2:])
    except OSError as error:
        report.write(f"error {error}\n")
        report.close()
        return 127
    report.write(f"pid {program.pid}\n")
    report.close()
    order = _wait_for_order(program, wakeup_fd, spec)
    _stop(program, order, wakeup_fd)
    _signal(program, signal.SIGKILL)  # remaining child processes
    return program.returncode if program.returncode >= 0 else 128 - program.returncode


def _open_wakeup_pipe() -> int:
    """Return a pipe that becomes readable when the program ends or the guard gets SIGTERM."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return readable


def _start(spec: dict[str, Any], argv: list[str]) -> subprocess.Popen[bytes]:
    login: dict[str, Any] = {}
    if spec["user"]:
        account = pwd.getpwnam(spec["user"])
        login = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.Popen(  # noqa: S603 - the caller's own argv, never a shell
        argv,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_bind_to_guard(spec["death_signal"]),  # noqa: PLW1509 - the guard has one thread
        **login,
    )


def _bind_to_guard(death_signal: int) -> Callable[[], None] | None:
    """Return a function by which the kernel kills the program when the guard is killed (Linux).

    It runs in the child after the change of user, which would clear the setting.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    guard = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != guard:
            os.kill(os.getpid(), signal.SIGKILL)

    return bind


def _wait_for_order(
    program: subprocess.Popen[bytes], wakeup_fd: int, spec: dict[str, Any]
) -> Order:
    stop = Order([spec["stop_signal"], spec["death_signal"]], spec["grace_s"])
    parent = os.getppid()
    while program.poll() is None:
        ready, _, _ = select.select([0, wakeup_fd], [], [], ORPHAN_CHECK_S)
        if wakeup_fd in ready and signal.SIGTERM in os.read(wakeup_fd, 4096):
            return stop
        if 0 in ready:
            return _parse_order(os.read(0, 4096), stop)
        if os.getppid() != parent:  # a fork of the parent may keep the pipe open
            return stop
    return Order()


def _parse_order(line: bytes, default: Order) -> Order:
    match line.split():
        case [b"stop", grace_s]:
            return Order(default.signals, float(grace_s))
        case [b"kill"]:
            return Order([signal.SIGKILL])
        case _:
            return default


def _stop(program: subprocess.Popen[bytes], order: Order, wakeup_fd: int) -> None:
    """Send the signals of the order one after another, and finally SIGKILL."""
    wait_s = order.grace_s
    for number in [*order.signals, signal.SIGKILL]:
        if program.poll() is not None:
            return
        _signal(program, number)
        deadline = time.monotonic() + wait_s
        while program.poll() is None and (left := deadline - time.monotonic()) > 0:
            if select.select([wakeup_fd], [], [], left)[0]:
                os.read(wakeup_fd, 4096)
        wait_s = KILL_AFTER_S
    program.wait()


def _signal(program: subprocess.Popen[bytes], number: int) -> None:
    """Send SIGKILL to the whole group, another signal to the program alone."""
    try:
        if number == signal.SIGKILL:
            os.killpg(program.pid, number)
        else:
            program.send_signal(number)
    except (ProcessLookupError, PermissionError):  # macOS raises the second for a group of zombies
        program.poll()


if __name__ == "__main__":
    sys.exit(main())
