"""The HTTP probes of a worker."""

import asyncio
import socket

import pytest

from shared.delivery.health.http_server import PortTakenError, serve_http
from shared.delivery.health.probes import Probes
from tests.support.probes import ask, free_port


@pytest.mark.parametrize(
    ("path", "status", "alive", "answer"),
    [
        pytest.param("/ready", "ok", True, (200, "ok"), id="at work"),
        pytest.param("/ready", "degraded: x", True, (503, "degraded: x"), id="waiting"),
        pytest.param("/live", "degraded: x", True, (200, "ok"), id="alive while it waits"),
        pytest.param("/live", "ok", False, (503, "stuck: start it again"), id="stuck"),
        pytest.param("/", "ok", True, (404, "there is /ready, /live and /metrics"), id="elsewhere"),
    ],
)
async def test_a_probe_answers_with_code_and_status(
    path: str, status: str, alive: bool, answer: tuple[int, str]
) -> None:
    port = free_port()
    async with serve_http(Probes(lambda: status, lambda: alive), port, "CHATIA_HEALTH_PORT"):
        assert await asyncio.to_thread(ask, port, path) == answer


async def test_a_taken_port_raises_an_error_that_names_its_variable() -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} is taken: set CHATIA_HEALTH_PORT"):
            async with serve_http(Probes(lambda: "ok", lambda: True), port, "CHATIA_HEALTH_PORT"):
                pass


async def test_port_0_starts_no_server() -> None:
    async with serve_http(Probes(lambda: "ok", lambda: True), 0, "CHATIA_HEALTH_PORT"):
        assert len(asyncio.all_tasks()) == 1
