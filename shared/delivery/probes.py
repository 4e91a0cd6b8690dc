"""A worker's condition over HTTP: `/ready` for people and dashboards, `/live` for supervisors."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from typing_extensions import override

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK, NOT_FOUND, UNAVAILABLE = 200, 404, 503


class PortTakenError(Exception):
    """Another program listens on the port of CHATIA_HEALTH_PORT."""


class Probes:
    """An ASGI application of two answers.

    `/ready` is 200 while the worker works and 503 with what it waits for or had to stop; `/live` is
    200 as long as its loops turn, also in an outage, for a restart would mend none.
    """

    def __init__(self, status: Callable[[], str], is_alive: Callable[[], bool]) -> None:
        self._status = status
        self._is_alive = is_alive

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method."""
        del receive
        code, status = self._answer(scope["path"])
        body = json.dumps({"status": status}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, str]:
        if path == "/ready":
            status = self._status()
            return OK if status == "ok" else UNAVAILABLE, status
        if path == "/live":
            return (OK, "ok") if self._is_alive() else (UNAVAILABLE, "stuck: start it again")
        return NOT_FOUND, "there is /ready and /live"


class _Server(uvicorn.Server):
    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker, which stops this server with itself."""
        yield


@asynccontextmanager
async def answering(probes: Probes, port: int) -> AsyncIterator[None]:
    """Answer on a port of all addresses until the block ends; port 0 is none.

    Raises PortTakenError.
    """
    if not port:
        yield
        return
    try:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        listening = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise PortTakenError(
            f"Port {port} is taken: set CHATIA_HEALTH_PORT to another one."
        ) from error
    config = uvicorn.Config(probes, lifespan="off", log_config=None, access_log=False, ws="none")
    async with _serving(_Server(config), listening):
        yield


@asynccontextmanager
async def _serving(server: uvicorn.Server, listening: socket.socket) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
