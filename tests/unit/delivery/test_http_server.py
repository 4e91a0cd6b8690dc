import asyncio
import time
from http.client import HTTPConnection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.delivery.health.http_server import serve_http
from tests.support.probes import free_port

REQUESTS = 50
DELAY_S = 0.04  # of an answer whose second part waits for the acknowledgement of its first


async def answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("taken")


def ask_repeatedly(port: int) -> float:
    """Ask on one connection; return the seconds of the median answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    seconds = []
    for _ in range(REQUESTS):
        began = time.monotonic()
        connection.request("POST", "/", b"{}")
        connection.getresponse().read()
        seconds.append(time.monotonic() - began)
    connection.close()
    return sorted(seconds)[REQUESTS // 2]


async def test_answers_on_a_kept_connection_are_not_delayed() -> None:
    port = free_port()
    application = Starlette(routes=[Route("/", answer, methods=["POST"])])
    async with serve_http(application, port, "X"):
        median = await asyncio.to_thread(ask_repeatedly, port)
    assert median < DELAY_S
