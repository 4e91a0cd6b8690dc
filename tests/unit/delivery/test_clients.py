import ssl
from typing import Literal

import pytest
from aiokafka import AIOKafkaProducer
from faststream.kafka.security import parse_security
from pydantic import SecretStr

from shared.delivery.kafka.clients import build_client_arguments
from shared.delivery.kafka.security import build_security
from shared.settings import KafkaSettings

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def settings(protocol: Protocol, mechanism: Mechanism = "PLAIN") -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers="kafka:9093",
        security_protocol=protocol,
        sasl_mechanism=mechanism,
        sasl_username="me",
        sasl_password=SecretStr("secret"),
    )


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_both_clients_are_told_the_same(protocol: Protocol, mechanism: Mechanism) -> None:
    ours = build_client_arguments(settings(protocol, mechanism))
    theirs = parse_security(build_security(settings(protocol, mechanism)))
    assert ours.pop("bootstrap_servers") == "kafka:9093"
    assert (ours.pop("ssl_context", None) is None) == (theirs.pop("ssl_context") is None)
    assert ours == theirs


def test_tls_checks_who_answers() -> None:
    context = build_client_arguments(settings("SSL"))["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_aiokafka_takes_the_arguments() -> None:
    producer = AIOKafkaProducer(**build_client_arguments(settings("SASL_SSL", "SCRAM-SHA-512")))
    await producer.stop()
