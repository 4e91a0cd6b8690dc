"""An HTTP server inside a worker process, which stops with it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from typing_extensions import override

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class PortTakenError(Exception):
    """Another program listens on the port that a setting names."""


class _Server(uvicorn.Server):
    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker, which stops this server with itself."""
        yield


@asynccontextmanager
async def answering(application: Application, port: int, variable: str) -> AsyncIterator[None]:
    """Answer on a port of all addresses until the block ends; port 0 is none.

    Raises PortTakenError, which names the environment variable to change.
    """
    if not port:
        yield
        return
    try:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        listening = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise PortTakenError(f"Port {port} is taken: set {variable} to another one.") from error
    config = uvicorn.Config(
        application, lifespan="off", log_config=None, access_log=False, ws="none"
    )
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
