"""The ports of `chatia up`: those that are named are checked, the others are free ones."""

import socket

import pytest

from shared.cli.errors import ConflictError, InvalidUsageError
from shared.cli.ports import check_ports, choose_ports
from shared.embedded.ready import is_free_on_all_addresses
from shared.settings import HealthSettings, Settings, WebhookSettings

SERVICES = ("contacts", "tickets", "messages", "campaigns")


def build_settings(health: int = 0, webhooks: int = 0) -> Settings:
    return Settings(health=HealthSettings(port=health), webhooks=WebhookSettings(port=webhooks))


def is_free(_: int) -> bool:
    return True


def test_each_worker_gets_its_own_health_port_from_the_named_one_on() -> None:
    ports = choose_ports(build_settings(health=9000), SERVICES, is_free)
    assert ports.health == {"contacts": 9000, "tickets": 9001, "messages": 9002, "campaigns": 9003}
    assert ports.build_environment("tickets")["CHATIA_HEALTH_PORT"] == "9001"


def test_without_names_the_usual_ports_are_taken() -> None:
    ports = choose_ports(build_settings(), SERVICES, is_free)
    assert list(ports.health.values()) == [8081, 8082, 8083, 8084]
    assert ports.webhooks == 8088


def test_a_usual_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    ports = choose_ports(build_settings(), SERVICES, lambda port: port not in {8082, 8088})
    chosen = [*ports.health.values(), ports.webhooks]
    assert [port for port in chosen if port < 20_000] == [8081, 8083, 8084]
    assert len(set(chosen)) == 5


def test_the_webhooks_avoid_the_health_ports_and_the_health_ports_the_webhooks() -> None:
    assert choose_ports(build_settings(health=8086), SERVICES, is_free).webhooks != 8088
    assert (
        8083 not in choose_ports(build_settings(webhooks=8083), SERVICES, is_free).health.values()
    )


def test_only_the_messages_worker_serves_webhooks() -> None:
    ports = choose_ports(build_settings(webhooks=9100), SERVICES, is_free)
    served = {service: ports.build_environment(service) for service in SERVICES}
    assert [served[service]["CHATIA_WEBHOOK_PORT"] for service in SERVICES] == [
        "0",
        "0",
        "9100",
        "0",
    ]


@pytest.mark.parametrize(
    ("health", "webhooks", "variable"),
    [(65_533, 0, "CHATIA_HEALTH_PORT"), (8086, 8088, "CHATIA_WEBHOOK_PORT")],
)
def test_impossible_ports_are_wrong_usage(health: int, webhooks: int, variable: str) -> None:
    with pytest.raises(InvalidUsageError, match=variable):
        check_ports(build_settings(health, webhooks), SERVICES, is_free)


@pytest.mark.parametrize(
    ("health", "webhooks", "taken", "message"),
    [
        (9000, 0, 9002, "Port 9002, for the health of messages, is taken: set CHATIA_HEALTH_PORT"),
        (0, 9100, 9100, "Port 9100 is taken: set CHATIA_WEBHOOK_PORT"),
    ],
)
def test_a_named_port_that_is_taken_is_said(
    health: int, webhooks: int, taken: int, message: str
) -> None:
    with pytest.raises(ConflictError, match=message):
        check_ports(build_settings(health, webhooks), SERVICES, lambda port: port != taken)


def test_a_port_on_which_a_program_listens_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free_on_all_addresses(port)
    assert is_free_on_all_addresses(port)
