"""Builds the arguments of all Kafka clients from the settings, and stops producers."""

import asyncio
import socket
from contextlib import suppress
from ssl import SSLContext
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.conn import collect_hosts
from aiokafka.helpers import create_ssl_context

from shared.delivery.kafka.aiokafka_patches import patch_aiokafka
from shared.settings import KafkaSettings

STOP_TIMEOUT_S = 5


def build_client_arguments(settings: KafkaSettings) -> dict[str, Any]:  # as aiokafka takes them
    """Return the arguments that aiokafka's producer, consumer and admin client all take.

    Raises OSError where a certificate file cannot be read.
    """
    patch_aiokafka()  # here, because every client of ours is made with these arguments
    arguments: dict[str, Any] = {  # as aiokafka takes them
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if is_encrypted(settings):
        arguments["ssl_context"] = build_ssl_context(settings)
    if has_login(settings):
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return arguments


def find_unknown_hosts(settings: KafkaSettings) -> list[str]:
    """Return the hosts of the brokers' addresses that no name server knows; it waits for DNS."""
    return [
        host
        for host, port, _ in collect_hosts(settings.bootstrap_servers, randomize=False)
        if not _is_known(host, port)
    ]


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer; wait at most five seconds for acknowledgements."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await producer.stop()
    except TimeoutError:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await producer._sender.close()  # noqa: SLF001 - its `stop` would wait before this
        await producer.client.close()


def _is_known(host: str, port: int) -> bool:
    try:
        socket.getaddrinfo(host, port)
    except socket.gaierror:
        return False
    return True


def is_encrypted(settings: KafkaSettings) -> bool:
    """Return whether connections use TLS."""
    return settings.security_protocol in {"SSL", "SASL_SSL"}


def has_login(settings: KafkaSettings) -> bool:
    """Return whether connections have a user name and a password."""
    return settings.security_protocol.startswith("SASL_")


def build_ssl_context(settings: KafkaSettings) -> SSLContext:
    """Return the TLS context of all connections; raises OSError for an unreadable certificate."""
    return create_ssl_context(
        cafile=settings.ssl_cafile, certfile=settings.ssl_certfile, keyfile=settings.ssl_keyfile
    )
