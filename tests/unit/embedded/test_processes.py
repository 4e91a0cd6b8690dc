"""Guarded programs: they end when they are stopped, and with their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from shared.embedded.errors import StartError
from shared.embedded.processes import Guarded, StopSignals

QUIET = subprocess.DEVNULL
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(600)"
)
PARENT = """
import pathlib, sys, time
from shared.embedded.processes import Guarded
guarded = Guarded.start(["sleep", "600"], log_path=pathlib.Path(sys.argv[1]))
print(guarded.guard_pid, guarded.pid, flush=True)
time.sleep(600)
"""
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def listening_to_sigint() -> Iterator[None]:
    """Restore SIGINT, which background jobs ignore, and their programs too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_soon_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def first_line(log: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if log.exists() and "\n" in (text := log.read_text()):
            return text.splitlines()[0]
        time.sleep(0.02)
    raise AssertionError(f"{log} stayed empty")


def test_output_goes_to_the_log_and_the_exit_code_is_returned(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "said.log"
    guarded = Guarded.start(["sh", "-c", "echo $WORD; exit 3"], log_path=log, env={"WORD": "hello"})
    assert guarded.wait(10) == 3
    assert guarded.poll() == 3
    assert log.read_text() == "hello\n"


def test_a_program_that_does_not_exist_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no-such-program"):
        Guarded.start(["no-such-program"], log_path=tmp_path / "log")


def test_stopping_sends_the_programs_stop_signal(tmp_path: Path) -> None:
    stop_signals = StopSignals(signal.SIGINT)
    guarded = Guarded.start(["sleep", "600"], log_path=tmp_path / "log", stop_signals=stop_signals)
    assert guarded.poll() is None
    assert guarded.stop() == 128 + signal.SIGINT
    assert guarded.stop() == 128 + signal.SIGINT, "a second stop is harmless"


def test_a_program_that_ignores_the_signal_is_killed_after_the_grace_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    guarded = Guarded.start(python(STUBBORN), log_path=log)
    assert first_line(log) == "deaf"
    assert guarded.stop(grace_s=0.2) == 128 + signal.SIGKILL


def test_a_short_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    guarded = Guarded.start(["sleep", "600"], log_path=tmp_path / "log")
    with pytest.raises(StartError, match="does not end"):
        guarded.finish(0.1)
    assert not is_alive(guarded.pid)


def test_kill_does_not_wait(tmp_path: Path) -> None:
    guarded = Guarded.start(["sleep", "600"], log_path=tmp_path / "log")
    assert guarded.kill() == 128 + signal.SIGKILL
    assert not is_alive(guarded.pid)


@pytest.mark.parametrize(
    "patience_s", [pytest.param("600", id="killed"), pytest.param("0", id="ended")]
)
def test_the_children_of_a_program_end_with_it(tmp_path: Path, patience_s: str) -> None:
    log = tmp_path / "log"
    guarded = Guarded.start(python(FAMILY, patience_s), log_path=log)
    child = int(first_line(log))
    if patience_s == "600":
        guarded.kill()
    guarded.wait(10)
    assert is_soon_gone(child)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_program_ends_with_its_parent_however_that_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    argv = python(PARENT, str(tmp_path / "log"))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=QUIET) as parent:  # noqa: S603 - the text above
        assert parent.stdout is not None
        guard, program = map(int, parent.stdout.readline().split())
        assert is_alive(program)
        parent.send_signal(number)
    assert is_soon_gone(program)
    assert is_soon_gone(guard)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a dead guard")
def test_a_program_ends_with_its_guard(tmp_path: Path) -> None:
    guarded = Guarded.start(["sleep", "600"], log_path=tmp_path / "log")
    os.kill(guarded.guard_pid, signal.SIGKILL)
    assert is_soon_gone(guarded.pid)
    guarded.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a program to another account")
def test_a_program_of_another_account_ends_with_its_guard(tmp_path: Path) -> None:
    log = tmp_path / "log"
    guarded = Guarded.start(
        ["sh", "-c", "id -un; exec sleep 600"], log_path=log, user="nobody", cwd=Path("/")
    )
    assert first_line(log) == "nobody"
    os.kill(guarded.guard_pid, signal.SIGKILL)
    assert is_soon_gone(guarded.pid)
    guarded.stop()
