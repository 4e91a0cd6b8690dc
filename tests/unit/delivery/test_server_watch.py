"""Servers that do not answer, answer slowly, or refuse."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from shared.delivery.health import server_watch
from shared.delivery.health.server_watch import Kafka, ServerWatch
from shared.delivery.health.status import WaitsFor, find_worst
from shared.settings import KafkaSettings
from tests.support.probes import free_port

PATIENCE_S = 5.0
WAITING = "degraded: waiting for "


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask more often than in production, and wait less."""
    monkeypatch.setattr(server_watch, "ASK_EVERY_S", 0.01)
    monkeypatch.setattr(server_watch, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(server_watch, "HELD_UP_S", 0.05)


class Server:
    """A server that answers while `answers` is set, after a delay, or with an error."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.delay_s = delay_s
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        await self.answers.wait()
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def watching(database: Server, kafka: Server | None = None) -> AsyncIterator[ServerWatch]:
    """Run a watch as long as the block lasts; by default the second server works."""
    watch = ServerWatch({WaitsFor.DATABASE: database, WaitsFor.KAFKA: kafka or Server()})
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def read_status(watch: ServerWatch) -> str:
    """Return the status that `/ready` has from the watch."""
    return find_worst(health.status for health in watch.healths)


async def until(watch: ServerWatch, begins: str) -> str:
    """Wait for a status that begins like this, and return it."""
    async with asyncio.timeout(PATIENCE_S):
        while not read_status(watch).startswith(begins):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    return read_status(watch)


async def test_a_silent_server_is_named_until_it_answers() -> None:
    server = Server()
    async with watching(server) as watch:
        await until(watch, "ok")
        server.answers.clear()
        assert (await until(watch, WAITING)).startswith(f"{WAITING}the database since 20")
        server.answers.set()
        await until(watch, "ok")


async def test_a_silent_server_does_not_hide_the_other_one() -> None:
    database, kafka = Server(), Server()
    database.answers.clear()
    kafka.error = KafkaConnectionError()
    async with watching(database, kafka) as watch:
        await until(watch, f"{WAITING}the database")
        database.answers.set()
        await until(watch, f"{WAITING}Kafka")


async def test_a_server_that_refuses_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_watch, "ANSWER_WITHIN_S", 60.0)
    server = Server()
    server.error = ConnectionRefusedError()
    async with watching(server) as watch:
        await until(watch, f"{WAITING}the database")


async def test_a_slow_server_is_no_silent_one() -> None:
    server = Server(delay_s=0.1)
    with capture_logs() as logs:
        async with watching(server) as watch, asyncio.timeout(PATIENCE_S):
            while server.asked < 4:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            assert read_status(watch) == "ok"
    assert logs == []


async def test_an_answer_that_came_while_the_process_was_held_up_counts() -> None:
    server = Server(delay_s=0.1)
    with capture_logs() as logs:
        async with watching(server):
            await asyncio.sleep(0.05)
            time.sleep(0.5)  # noqa: ASYNC251 - as a batch that takes all the CPU
            await asyncio.sleep(0.05)
    assert logs == []


async def test_silence_is_logged_once_and_so_is_its_end() -> None:
    server = Server()
    server.error = ConnectionRefusedError()
    with capture_logs() as logs:
        async with watching(server) as watch, asyncio.timeout(PATIENCE_S):
            while server.asked < 5:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            server.error = None
            await until(watch, "ok")
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("server.silent", "error"),
        ("server.answers", "info"),
    ]


async def test_a_server_that_never_answers_is_asked_again_on_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_watch, "GIVE_UP_S", 0.3)
    server = Server()
    server.answers.clear()
    async with watching(server), asyncio.timeout(PATIENCE_S):
        while server.asked < 3:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def test_a_broker_that_accepts_connections_and_answers_nothing_is_no_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_watch, "REQUEST_TIMEOUT_MS", 100)
    with socket.create_server(("127.0.0.1", 0)) as frozen:  # the kernel accepts connections
        hosts = f"127.0.0.1:{frozen.getsockname()[1]},127.0.0.1:{free_port()}"
        kafka = Kafka(KafkaSettings(bootstrap_servers=hosts), {})
        with pytest.raises(KafkaConnectionError):
            await kafka.ask()
        await kafka.close()
