"""Asks Postgres and Kafka every second whether they answer, on connections of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery.health.status import Health, WaitsFor, find_worst
from shared.settings import KafkaSettings

log = structlog.get_logger("chatia.servers")

ASK_EVERY_S = 1.0
ANSWER_WITHIN_S = 2.0  # together with ASK_EVERY_S less than the five seconds that are promised
HELD_UP_S = 0.2  # for an answer that has arrived while this process was held up
GIVE_UP_S = 10.0  # when the connection is given up, and the server is asked on a new one
REQUEST_TIMEOUT_MS = 4_000  # of one request to Kafka
ANYTHING = text("SELECT 1")

Ask = Callable[[], Awaitable[None]]


class ServerWatch:
    """Says which server does not answer, also while the batch loop is stuck in a wait for it.

    A server is silent if an answer takes longer than two seconds or is an error. It is asked until
    it answers; a slow answer ends the silence.
    """

    def __init__(self, asks: Mapping[WaitsFor, Ask]) -> None:
        self._asks = asks
        self._health = {server: Health() for server in asks}

    @property
    def status(self) -> str:
        """The health status: `ok`, or which server does not answer and since when."""
        return find_worst(health.status for health in self._health.values())

    async def run(self) -> None:
        """Ask all servers again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for server in self._asks:
                group.create_task(self._watch(server))

    async def _watch(self, server: WaitsFor) -> None:
        while True:
            asking = asyncio.create_task(_ask(self._asks[server]))
            try:
                await self._note(server, asking)
            finally:
                asking.cancel()
            await asyncio.sleep(ASK_EVERY_S)

    async def _note(self, server: WaitsFor, asking: asyncio.Task[str]) -> None:
        for limit_s in (ANSWER_WITHIN_S, HELD_UP_S):
            await asyncio.wait((asking,), timeout=limit_s)
        if not asking.done():
            self._note_silence(server, "no answer")
        if error := await asking:
            self._note_silence(server, error)
        elif self._health[server].note_work():
            log.info("server.answers", server=server.value)

    def _note_silence(self, server: WaitsFor, error: str) -> None:
        if self._health[server].note_waiting(server):
            log.error("server.silent", waiting_for=server.value, error=error)


async def _ask(ask: Ask) -> str:
    """Ask a server; return the name of the error, empty if it has answered."""
    try:
        async with asyncio.timeout(GIVE_UP_S):
            await ask()
    # Whatever it is, the server does not answer as it should, and it is asked again.
    except Exception as error:  # noqa: BLE001 - see above
        return type(error).__name__
    return ""


async def ask_database(engine: AsyncEngine) -> None:
    """Run a statement outside a transaction; raises the error of the database or its driver."""
    async with engine.connect() as connected:
        conn = await connected.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(ANYTHING)


class KafkaConnection:
    """One connection to the first of the brokers that can be reached, kept while it answers."""

    def __init__(self, settings: KafkaSettings, arguments: Mapping[str, Any]) -> None:
        self._hosts = collect_hosts(settings.bootstrap_servers)
        self._arguments = {  # as aiokafka takes them
            name: value for name, value in arguments.items() if name != "bootstrap_servers"
        }
        self._connection: AIOKafkaConnection | None = None

    async def ask(self) -> None:
        """Ask for the list of brokers; raises KafkaError or OSError if no broker answers."""
        if self._connection is None or not self._connection.connected():
            self._connection = await self._connect()
        try:
            await self._connection.send(MetadataRequest([]))  # of no topics
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect(self) -> AIOKafkaConnection:
        for host, port, _ in self._hosts:
            try:
                connection: AIOKafkaConnection = await create_conn(
                    host, port, request_timeout_ms=REQUEST_TIMEOUT_MS, **self._arguments
                )
            except (OSError, KafkaError) as error:
                log.debug("broker.awaited", at=f"{host}:{port}", error=type(error).__name__)
            else:
                return connection
        raise KafkaConnectionError
