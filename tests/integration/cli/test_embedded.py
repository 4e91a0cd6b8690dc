"""`chatia up` and `chatia demo`: everything starts, starts once, and ends together."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import asyncpg
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from shared.embedded import folders
from shared.embedded.ready import find_free_ports
from shared.gateways.signatures import derive_token
from tests.support.probes import ask

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

CHATIA = [sys.executable, "-m", "shared.cli"]
START_S = 90.0
END_S = 45.0

Demo = subprocess.CompletedProcess[str]


KILLED = ("Kafka", "Postgres", "contacts", "tickets", "messages", "campaigns")
LINE = """
INSERT INTO "Whatsapps" (id, "companyId", name, status) VALUES (10, 1, 'Loja', 'CONNECTED')
"""
PAYLOAD = {
    "event": "messages.upsert",
    "instance": "loja",
    "data": {
        "key": {"remoteJid": "5511990000001@s.whatsapp.net", "fromMe": False, "id": "3EB0A1"},
        "pushName": "Ana",
        "message": {"conversation": "Oi"},
        "messageTimestamp": 1790000000,
    },
}


def build_environment() -> dict[str, str]:
    """Return variables without servers, and with a webhook port that no other test uses."""
    named = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "DB_HOST", "DB_NAME")
    kept = {name: value for name, value in os.environ.items() if name not in named}
    return kept | {"CHATIA_WEBHOOK_PORT": str(find_free_ports(1)[0])}


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
            wait_for_lines(state, process, "Ctrl-C ends everything")
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(END_S)


def wait_for_lines(state: Path, process: subprocess.Popen[bytes], *texts: str) -> None:
    """Wait until `chatia up` has printed all of these texts."""
    deadline = time.monotonic() + START_S
    log = state.with_suffix(".log")
    while missing := [text for text in texts if text not in log.read_text("utf-8")]:
        assert process.poll() is None, log.read_text("utf-8")
        assert time.monotonic() < deadline, f"{missing} in {log.read_text('utf-8')}"
        time.sleep(0.2)


def kill_programs(processes: list[psutil.Process]) -> None:
    """Kill Kafka, Postgres and the workers, but not their guards."""
    program = re.compile(r"(\S*java|\S*postgres -D|\S+ -m shared.cli worker) ")
    programs = [each for each in processes if program.match(read_command_line(each))]
    assert len(programs) == len(KILLED), join_command_lines(processes)
    for each in programs:
        each.kill()


def read_health_ports(state: Path) -> list[int]:
    text = state.with_suffix(".log").read_text("utf-8")
    return [int(port) for port in re.findall(r"http://localhost:(\d+)/ready", text)]


def probe_ready(port: int) -> int:
    code, _ = ask(port, "/ready")
    return code


def run_doctor(state: Path) -> dict[str, Any]:
    """Run `chatia db doctor` as a terminal does after `eval "$(chatia env)"`."""
    known = json.loads((state / "runtime.json").read_text("utf-8"))
    variables = {name: str(value) for name, value in known.items() if name.isupper()}
    ended = subprocess.run(  # noqa: S603 - our own program
        [*CHATIA, "db", "doctor", "--json"],
        env=build_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=END_S,
    )
    return dict(json.loads(ended.stdout))


def post_message(port: int, secret: str) -> None:
    token = derive_token(secret, "evolution", 1, 10)
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("POST", "/gateways/evolution/1/10", json.dumps(PAYLOAD), headers)
    assert connection.getresponse().status == 200
    connection.close()


async def wait_for_message(url: str) -> None:
    conn = await asyncpg.connect(url)
    async with asyncio.timeout(END_S):
        while await conn.fetchval('SELECT body FROM "Messages"') != "Oi":  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.2)
    await conn.close()


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


async def test_what_is_killed_comes_back_and_killing_it_leaves_nothing(
    up: subprocess.Popen[bytes], state: Path
) -> None:
    known = json.loads((state / "runtime.json").read_text("utf-8"))
    conn = await asyncpg.connect(known["DATABASE_URL"])
    await conn.execute(LINE)
    await conn.close()
    kill_programs(list_children(up))
    wait_for_lines(state, up, *(f"{name} was ended by SIGKILL and is" for name in KILLED))
    wait_for_lines(state, up, *(f"{name} runs again" for name in KILLED))
    post_message(known["webhooks"], known["CHATIA_WEBHOOK_SECRET"])
    await wait_for_message(known["logins"]["tickets"])
    processes = list_children(up)
    for kind in ("java", "postgres", "worker contacts", "worker campaigns"):
        assert kind in join_command_lines(processes)
    up.kill()
    up.wait()
    assert_all_end(processes)


def test_it_is_healthy_a_second_one_is_refused_and_sigterm_ends_the_first(
    up: subprocess.Popen[bytes], state: Path
) -> None:
    processes = list_children(up)
    assert [probe_ready(port) for port in read_health_ports(state)] == [200] * 4
    report = run_doctor(state)
    found = [f for f in report["findings"] if f["severity"] != "notice" and f["code"] != "disk-low"]
    assert found == []
    assert report["seconds"] < 10  # a second or two, without other tests beside it
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
    assert "Stopping the workers" in state.with_suffix(".log").read_text("utf-8")
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


def test_the_demo_says_which_dead_letters_were_meant_and_how_to_look_around(
    demo: tuple[Demo, Path],
) -> None:
    shown, _ = demo
    assert re.search(r"^\d+ dead letters were meant: ", shown.stdout, re.MULTILINE)
    assert re.search(r"^ +\d+ s: contacts \d+ of \d+, messages ", shown.stdout, re.MULTILINE)
    assert "start the servers again on these rows: chatia up --state " in shown.stdout


@pytest.mark.parametrize("service", ["contacts", "tickets", "messages", "campaigns"])
def test_workers_log_in_to_the_database_as_their_own_role(
    demo: tuple[Demo, Path], service: str
) -> None:
    _, logs = demo
    text = re.sub(r"\x1b\[[0-9;]*m", "", (logs / f"{service}.log").read_text("utf-8"))
    (line,) = [line for line in text.splitlines() if "database.role" in line]
    assert re.search(rf"info.*role=chatia_{service}$", line)
