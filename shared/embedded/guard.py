"""Runs one program and outlives nobody: when its parent is gone, so is the program.

Run as a plain script with the standard library alone, so that it starts in milliseconds. Its
standard input is a pipe whose other end only the parent holds: a line is an order, the end of the
pipe is the parent's death.
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
LAST_WORDS_S = 3.0


@dataclass
class Order:
    """How and how patiently the program is to be stopped; None while it may run."""

    signals: list[int] = field(default_factory=list)
    grace_s: float = 0.0


def main() -> int:
    """Start the program that the arguments name, report its pid, wait for orders or its end."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    awake = _wake_on_signals()
    report = os.fdopen(spec["report_fd"], "w")
    try:
        program = _start(spec, sys.argv[2:])
    except OSError as error:
        report.write(f"error {error}\n")
        report.close()
        return 127
    report.write(f"pid {program.pid}\n")
    report.close()
    order = _wait_for_order(program, awake, spec)
    _stop(program, order, awake)
    _signal(program, signal.SIGKILL)  # what it may have left behind
    return program.returncode if program.returncode >= 0 else 128 - program.returncode


def _wake_on_signals() -> int:
    """Make the end of the program, and a SIGTERM to the guard, readable from a pipe."""
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
        preexec_fn=_die_with_me(spec["death_signal"]),  # noqa: PLW1509 - the guard has one thread
        **login,
    )


def _die_with_me(death_signal: int) -> Callable[[], None] | None:
    """On Linux the kernel kills the program should the guard itself be killed.

    It is set in the child after its change of user, which would clear it.
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


def _wait_for_order(program: subprocess.Popen[bytes], awake: int, spec: dict[str, Any]) -> Order:
    polite = Order([spec["stop_signal"], spec["death_signal"]], spec["grace_s"])
    parent = os.getppid()
    while program.poll() is None:
        ready, _, _ = select.select([0, awake], [], [], ORPHAN_CHECK_S)
        if awake in ready and signal.SIGTERM in os.read(awake, 4096):
            return polite
        if 0 in ready:
            return _order(os.read(0, 4096), polite)
        if os.getppid() != parent:  # a fork of the parent keeps the pipe open beyond its death
            return polite
    return Order()


def _order(line: bytes, polite: Order) -> Order:
    match line.split():
        case [b"stop", grace_s]:
            return Order(polite.signals, float(grace_s))
        case [b"kill"]:
            return Order([signal.SIGKILL])
        case _:
            return polite


def _stop(program: subprocess.Popen[bytes], order: Order, awake: int) -> None:
    """Ask, then insist: each signal of the order, and at last the one that none can ignore."""
    patience = order.grace_s
    for number in [*order.signals, signal.SIGKILL]:
        if program.poll() is not None:
            return
        _signal(program, number)
        deadline = time.monotonic() + patience
        while program.poll() is None and (left := deadline - time.monotonic()) > 0:
            if select.select([awake], [], [], left)[0]:
                os.read(awake, 4096)
        patience = LAST_WORDS_S
    program.wait()


def _signal(program: subprocess.Popen[bytes], number: int) -> None:
    """Kill a whole group, but ask only its head, who knows best how to end its own children."""
    try:
        if number == signal.SIGKILL:
            os.killpg(program.pid, number)
        else:
            program.send_signal(number)
    except (ProcessLookupError, PermissionError):  # macOS says the second of a group of zombies
        program.poll()


if __name__ == "__main__":
    sys.exit(main())
