"""Asks Postgres and Kafka every second whether they answer, on connections of its own."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import structlog
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.delivery.health.status import Health, WaitsFor
from shared.delivery.kafka import clients
from shared.settings import KafkaSettings, Settings

log = structlog.get_logger("chatia.servers")

ASK_EVERY_S = 1.0
ANSWER_WITHIN_S = 2.0  # together with ASK_EVERY_S less than the five seconds that are promised
HELD_UP_S = 0.2  # for an answer that has arrived while this process was held up
GIVE_UP_S = 10.0  # when the connection is given up, and the server is asked on a new one
REQUEST_TIMEOUT_MS = 4_000  # of one request to Kafka
ANYTHING = text("SELECT 1")


class Server(Protocol):
    """A server that can be asked whether it answers, on a connection that is kept."""

    async def ask(self) -> None:
        """Return when it has answered; raises an error if it cannot be reached or refuses."""

    async def close(self) -> None:
        """Close the connection."""


class ServerWatch:
    """Says which server does not answer, also while the batch loop is stuck in a wait for it.

    A server is silent if an answer takes longer than two seconds or is an error. It is asked until
    it answers; a slow answer ends the silence.
    """

    def __init__(self, servers: Mapping[WaitsFor, Server]) -> None:
        self._servers = servers
        self._health = {name: Health() for name in servers}

    @property
    def healths(self) -> Collection[Health]:
        """The health of each server."""
        return self._health.values()

    async def run(self) -> None:
        """Ask all servers again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, server in self._servers.items():
                group.create_task(self._watch(name, server))

    async def close(self) -> None:
        """Close the connections, at the end of the process."""
        for server in self._servers.values():
            await server.close()

    async def _watch(self, name: WaitsFor, server: Server) -> None:
        while True:
            asking = asyncio.create_task(_ask(server))
            try:
                await self._note(name, asking)
            finally:
                asking.cancel()
            await asyncio.sleep(ASK_EVERY_S)

    async def _note(self, name: WaitsFor, asking: asyncio.Task[str]) -> None:
        for limit_s in (ANSWER_WITHIN_S, HELD_UP_S):
            await asyncio.wait((asking,), timeout=limit_s)
        if not asking.done():
            self._note_silence(name, "no answer")
        if error := await asking:
            self._note_silence(name, error)
        elif self._health[name].note_work():
            log.info("server.answers", server=name.value)

    def _note_silence(self, name: WaitsFor, error: str) -> None:
        if self._health[name].note_waiting(name):
            log.error("server.silent", waiting_for=name.value, error=error)


async def _ask(server: Server) -> str:
    """Ask a server; return the name of the error, empty if it has answered."""
    try:
        async with asyncio.timeout(GIVE_UP_S):
            await server.ask()
    # Whatever it is, the server does not answer as it should, and it is asked again.
    except Exception as error:  # noqa: BLE001 - see above
        return type(error).__name__
    return ""


class Database:
    """The database, asked by a statement outside a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self) -> None:
        """Run the statement; raises the error of the database or its driver."""
        async with self._engine.connect() as connected:
            conn = await connected.execution_options(isolation_level="AUTOCOMMIT")
            await conn.execute(ANYTHING)

    async def close(self) -> None:
        """Close the connection."""
        await self._engine.dispose()


class Kafka:
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
            await self.close()
            raise

    async def close(self) -> None:
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
                log.debug("broker.awaited", host=host, port=port, error=type(error).__name__)
            else:
                return connection
        raise KafkaConnectionError


def build_watch(service: str, settings: Settings) -> ServerWatch:
    """Return a watch of the servers of a worker; it connects when it runs."""
    engine = create_engine(settings.database, f"chatia-{service}-watch", connections=1)
    kafka = Kafka(settings.kafka, clients.build_client_arguments(settings.kafka))
    return ServerWatch({WaitsFor.DATABASE: Database(engine), WaitsFor.KAFKA: kafka})
