"""Programs that end by themselves are started again, each time after a longer pause."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shared.embedded import supervisor
from shared.embedded.errors import StartError
from shared.embedded.processes import Guarded
from shared.embedded.supervisor import Program, Supervisor

PATIENCE_S = 10.0
ALIVE = ("sleep", "600")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "POLL_S", 0.01)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)


class Starts:
    """Starts one command after another, the last one again and again."""

    def __init__(self, folder: Path, *commands: Sequence[str]) -> None:
        self.log_path = folder / "worker.log"
        self.processes: list[Guarded] = []
        self._commands = list(commands)

    def __call__(self) -> Guarded:
        command = self._commands.pop(0) if len(self._commands) > 1 else self._commands[0]
        self.processes.append(Guarded.start(command, log_path=self.log_path))
        return self.processes[-1]

    def is_running(self) -> bool:
        return self.processes[-1].poll() is None

    def program(self) -> Program:
        return Program(
            "worker", self.log_path, self, self.is_running, final_codes=(2,), ends_with_message=True
        )

    def stop(self) -> None:
        for process in self.processes:
            process.kill()


def check_until(supervised: Supervisor, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < deadline, "it did not happen in time"
        supervised.check()
        time.sleep(0.01)


def test_a_killed_program_is_started_again_and_both_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    starts = Starts(tmp_path, ALIVE)
    supervised = Supervisor(said.append)
    supervised.start(starts.program())
    assert supervised.wait_until_ready(PATIENCE_S) == []
    starts.processes[0].kill()
    check_until(supervised, lambda: len(said) == 2)
    assert starts.is_running()
    assert said[0] == (
        f"worker was ended by SIGKILL and is started again in 0.01 s. Its log: {starts.log_path}"
    )
    assert said[1].startswith("worker runs again, ")
    starts.stop()


def test_a_full_disk_is_named_when_a_program_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    starts = Starts(tmp_path, ("false",), ALIVE)
    supervised = Supervisor(said.append)
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    supervised.start(starts.program())
    check_until(supervised, lambda: bool(said))
    assert said[0].endswith(f"{starts.log_path} No space is left on the disk of {tmp_path}.")
    starts.stop()


def test_a_program_that_exits_is_said_with_its_code_and_its_last_line(tmp_path: Path) -> None:
    said: list[str] = []
    starts = Starts(tmp_path, ("sh", "-c", "echo Port 1 is taken.; echo; exit 5"), ALIVE)
    supervised = Supervisor(said.append)
    supervised.start(starts.program())
    check_until(supervised, lambda: len(starts.processes) == 2)
    assert said[0].startswith("worker ended with exit code 5 (Port 1 is taken.) and is started")
    starts.stop()


def test_pauses_double_up_to_the_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.04)
    said: list[str] = []
    starts = Starts(tmp_path, ("false",))
    supervised = Supervisor(said.append)
    supervised.start(Program("worker", starts.log_path, starts, lambda: False))
    check_until(supervised, lambda: len(said) >= 4)
    pauses = [line.partition("started again in ")[2].partition(" s.")[0] for line in said]
    assert pauses[:4] == ["0.01", "0.02", "0.04", "0.04"]
    starts.stop()


def test_a_program_that_was_steady_begins_with_the_shortest_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STEADY_S", 0.0)
    said: list[str] = []
    starts = Starts(tmp_path, ALIVE)
    supervised = Supervisor(said.append)
    supervised.start(starts.program())
    for _ in range(2):
        check_until(supervised, lambda: not supervised.list_awaited())
        starts.processes[-1].kill()
        check_until(supervised, lambda: bool(supervised.list_awaited()))
    assert sum("started again in 0.01 s" in line for line in said) == 2
    starts.stop()


def test_a_wrong_configuration_is_said_once_and_not_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    starts = Starts(tmp_path, ("sh", "-c", "echo DB_PORT cannot be used.; exit 2"))
    supervised = Supervisor(said.append)
    supervised.start(starts.program())
    check_until(supervised, lambda: bool(said))
    assert supervised.wait_until_ready(0.1) == [], "nobody waits for it"
    time.sleep(0.05)
    supervised.check()
    assert len(starts.processes) == 1
    (line,) = said
    assert line.startswith("worker ended with exit code 2 (DB_PORT cannot be used.) and is not")
    assert line.endswith(f"started again. Its log: {starts.log_path}")


def test_a_start_that_fails_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    starts = Starts(tmp_path, ALIVE)
    errors = [StartError("no such program"), OSError("no memory")]

    def start() -> Guarded:
        if starts.processes and errors:
            raise errors.pop()
        return starts()

    supervised = Supervisor(said.append)
    supervised.start(Program("Kafka", starts.log_path, start, starts.is_running))
    supervised.check()
    starts.processes[0].kill()
    check_until(supervised, lambda: len(said) == 4)
    assert "Kafka cannot be started (no memory) and is started again" in said[1]
    assert "Kafka cannot be started (no such program)" in said[2]
    assert said[3].startswith("Kafka runs again")
    starts.stop()


def test_waiting_names_what_is_not_ready(tmp_path: Path) -> None:
    starts = Starts(tmp_path, ALIVE)
    supervised = Supervisor(lambda _: None)
    supervised.start(Program("tickets", starts.log_path, starts, lambda: False))
    supervised.adopt(Program("Kafka", starts.log_path, starts, lambda: False), starts())
    assert supervised.wait_until_ready(0.05) == ["tickets"]
    starts.stop()
