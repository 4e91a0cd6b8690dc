"""Waiting at the start of a process until database and broker answer."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from enum import Enum

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.db.errors import describe_unreachable, read_sqlstate
from shared.db.identity import compare_when_connecting
from shared.db.logins import log_role
from shared.delivery.health.backoff import Backoff
from shared.delivery.kafka import clients
from shared.delivery.kafka.limits import limit_waiting
from shared.settings import Settings

log = structlog.get_logger("chatia.startup")

DEPLOYMENT = text('SELECT uuid FROM "Deployment"')
ANSWER_TIMEOUT_S = 10.0
LONGEST_DELAY_S = 1.0  # shorter than in an outage, because a starting process holds no partitions
LONGEST_DELAY_OF_UNKNOWN_HOST_S = 15.0  # probably a wrong setting, which is not soon mended
REFUSALS = ("28", "3D", "42")  # SQLSTATE classes: login, database, or rights and tables


class Awaited(Enum):
    """What a starting process waits for: a host's name in DNS, or a server's answer."""

    HOST = "host"
    SERVER = "server"


async def await_servers(settings: Settings) -> None:
    """Return when database and broker answer.

    Raises DBAPIError if the database refuses the login, ssl.SSLError if there can be no TLS
    connection with it, and DatabaseReplacedError if it is not the one that was used last: waiting
    would not change them.
    """
    engine = create_engine(settings.database, "chatia-waiting")
    compare_when_connecting(engine)
    try:
        await _wait_until(lambda: _check_database(engine))
    finally:
        await engine.dispose()
    await _wait_until(lambda: _check_kafka(settings))


async def _wait_until(check: Callable[[], Awaitable[Awaited | None]]) -> None:
    backoffs = {False: Backoff(LONGEST_DELAY_S), True: Backoff(LONGEST_DELAY_OF_UNKNOWN_HOST_S)}
    while awaited := await check():  # noqa: ASYNC110 - servers do not announce themselves
        await asyncio.sleep(backoffs[awaited is Awaited.HOST].lengthen())


async def _check_database(engine: AsyncEngine) -> Awaited | None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), engine.connect() as conn:
            await conn.execute(DEPLOYMENT)
            await log_role(conn)
    except ssl.SSLError:
        raise
    except OSError as error:
        _log_database(engine, describe_unreachable(error))
        return Awaited.HOST if isinstance(error, socket.gaierror) else Awaited.SERVER
    except DBAPIError as error:
        if read_sqlstate(error).startswith(REFUSALS):
            raise
        _log_database(engine, type(error).__name__)
        return Awaited.SERVER
    return None


def _log_database(engine: AsyncEngine, reason: str) -> None:
    url = engine.url.render_as_string(hide_password=True)
    log.warning("database.awaited", at=url, error=reason)


async def _check_kafka(settings: Settings) -> Awaited | None:
    admin = AIOKafkaAdminClient(**clients.build_client_arguments(settings.kafka))
    try:
        async with limit_waiting(ANSWER_TIMEOUT_S):
            await admin.start()
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        unknown = await asyncio.to_thread(clients.find_unknown_hosts, settings.kafka)
        reason = f"host not found: {', '.join(unknown)}" if unknown else str(error)
        log.warning("kafka.awaited", at=settings.kafka.bootstrap_servers, error=reason)
        return Awaited.HOST if unknown else Awaited.SERVER
    finally:
        await admin.close()
    return None
