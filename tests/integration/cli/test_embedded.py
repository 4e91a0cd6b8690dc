"""`chatia up` and `chatia demo`: everything starts, starts once, and ends together."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from shared.embedded import folders

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

CHATIA = [sys.executable, "-m", "shared.cli"]
START_S = 90.0
END_S = 45.0

Demo = subprocess.CompletedProcess[str]


def build_environment() -> dict[str, str]:
    named = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "DB_HOST", "DB_NAME")
    return {name: value for name, value in os.environ.items() if name not in named}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    folders.delete_state(folder)


@pytest.fixture
def up(state: Path) -> Iterator[subprocess.Popen[bytes]]:
    log_path = state.with_suffix(".log")
    with (
        log_path.open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own program
            [*CHATIA, "up", "--state", str(state)], env=build_environment(), stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_for_workers(state, process)
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(END_S)


def wait_for_workers(state: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until every worker has its partitions."""
    deadline = time.monotonic() + START_S
    logs = [
        state / "logs" / f"{name}.log" for name in ("contacts", "tickets", "messages", "campaigns")
    ]
    while not all(log.exists() and "partitions.assigned" in log.read_text() for log in logs):
        assert process.poll() is None, state.with_suffix(".log").read_text("utf-8", "replace")
        assert time.monotonic() < deadline, "the workers did not start in time"
        time.sleep(0.2)


def list_children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return found


def read_command_line(process: psutil.Process) -> str:
    """Return its words; none if it has ended, as Postgres's own helpers do at any time."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def join_command_lines(processes: list[psutil.Process]) -> str:
    return " ".join(map(read_command_line, processes))


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, END_S)
    assert [read_command_line(process) for process in alive if is_alive(process)] == []


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_killing_it_leaves_no_java_no_postgres_and_no_worker(
    up: subprocess.Popen[bytes],
) -> None:
    processes = list_children(up)
    for kind in ("java", "postgres", "worker contacts", "worker campaigns"):
        assert kind in join_command_lines(processes)
    up.kill()
    up.wait()
    assert_all_end(processes)


def test_it_does_not_go_on_without_its_database(up: subprocess.Popen[bytes], state: Path) -> None:
    processes = list_children(up)
    (database,) = [p for p in processes if re.match(r"\S*postgres .*-D ", read_command_line(p))]
    database.send_signal(signal.SIGQUIT)
    assert up.wait(END_S) == 3
    assert_all_end(processes)
    assert (state / "logs" / "postgres.log").exists()


def test_a_second_one_is_refused_and_sigterm_ends_the_first(
    up: subprocess.Popen[bytes], state: Path
) -> None:
    processes = list_children(up)
    second = subprocess.run(  # noqa: S603 - our own program
        [*CHATIA, "up", "--state", str(state)],
        env=build_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=END_S,
    )
    assert second.returncode == 5
    assert str(up.pid) in second.stderr
    assert json.loads((state / "runtime.json").read_text())["pid"] == up.pid
    up.send_signal(signal.SIGTERM)
    assert up.wait(END_S) == 0
    assert_all_end(processes)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Path]]:
    """Run the demo where Kafka cannot be installed; yield its output and the folder of its logs."""
    folder = tmp_path_factory.mktemp("demo")
    state = folder / "state"
    unreachable = {
        "CHATIA_MAVEN_REPOSITORY": "http://127.0.0.1:9/",
        "CHATIA_CACHE": str(folder / "empty"),
    }
    shown = subprocess.run(  # noqa: S603 - our own program
        [*CHATIA, "demo", "--messages", "200", "--state", str(state)],
        env=build_environment() | unreachable,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    yield shown, state / "logs"
    folders.delete_state(state)


def test_the_demo_uses_a_mock_where_kafka_cannot_be_installed(demo: tuple[Demo, Path]) -> None:
    shown, _ = demo
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count("NOTE") >= 2
    assert "NOT Kafka" in shown.stdout


@pytest.mark.parametrize("service", ["contacts", "tickets", "messages", "campaigns"])
def test_workers_log_in_to_the_database_as_their_own_role(
    demo: tuple[Demo, Path], service: str
) -> None:
    _, logs = demo
    text = re.sub(r"\x1b\[[0-9;]*m", "", (logs / f"{service}.log").read_text("utf-8"))
    (line,) = [line for line in text.splitlines() if "database.role" in line]
    assert re.search(rf"info.*role=chatia_{service}$", line)
