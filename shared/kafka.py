"""How a client reaches the brokers: the same settings for aiokafka and for FastStream."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.helpers import create_ssl_context
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.settings import KafkaSettings

STOP_SECONDS = 5
ASK_AGAIN_S = {True: 0.1, False: 0.5}  # for metadata, after brokers have answered or have not

_UPDATE = "_metadata_update"
_SASL: dict[str, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Give the arguments that aiokafka's producer, consumer and admin client all take.

    Raises OSError where a certificate file cannot be read.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if _is_encrypted(settings):
        arguments["ssl_context"] = _ssl_context(settings)
    if _has_login(settings):
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return arguments


async def stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer, without waiting for acknowledgements that a lost broker will not give."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
    except TimeoutError:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await producer._sender.close()  # noqa: SLF001 - its `stop` would wait before this
        await producer.client.close()


def security(settings: KafkaSettings) -> BaseSecurity:
    """Give the `security` that FastStream's KafkaBroker takes.

    Raises OSError where a certificate file cannot be read.
    """
    context = _ssl_context(settings) if _is_encrypted(settings) else None
    if not _has_login(settings):
        return BaseSecurity(ssl_context=context)
    return _SASL[settings.sasl_mechanism](
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        ssl_context=context,
    )


def _is_encrypted(settings: KafkaSettings) -> bool:
    return settings.security_protocol in {"SSL", "SASL_SSL"}


def _has_login(settings: KafkaSettings) -> bool:
    return settings.security_protocol.startswith("SASL_")


def _ssl_context(settings: KafkaSettings) -> SSLContext:
    return create_ssl_context(
        cafile=settings.ssl_cafile, certfile=settings.ssl_certfile, keyfile=settings.ssl_keyfile
    )


def paced(
    update: Callable[..., Awaitable[bool]],
) -> Callable[..., Awaitable[bool]]:
    """Let a client ask for metadata a few times a second at most, however often it is told to.

    While a partition has no leader, aiokafka's fetcher and sender ask again as soon as they were
    answered: thousands of times a second where no broker listens, for as long as it is away.
    """
    next_at: WeakKeyDictionary[AIOKafkaClient, float] = WeakKeyDictionary()

    async def patient(client: AIOKafkaClient, *asked: object) -> bool:
        await asyncio.sleep(max(0.0, next_at.get(client, 0.0) - time.monotonic()))
        answered = False
        try:
            answered = await update(client, *asked)
        finally:
            next_at[client] = time.monotonic() + ASK_AGAIN_S[answered]
        return answered

    return patient


# FastStream makes its clients itself, so there is no place to hand another one over.
setattr(AIOKafkaClient, _UPDATE, paced(getattr(AIOKafkaClient, _UPDATE)))
