"""An HTTP server within a process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from typing_extensions import override

SHUTDOWN_TIMEOUT_S = 10  # for requests under way

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class PortTakenError(Exception):
    """Another program listens on the port of a setting."""


class _Server(uvicorn.Server):
    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: the worker stops this server when it stops."""
        yield


@asynccontextmanager
async def serve_http(application: Application, port: int, variable: str) -> AsyncIterator[None]:
    """Serve an ASGI application on all addresses until the block ends; with port 0, do nothing.

    Raises PortTakenError, whose message names the environment variable `variable`.
    """
    if not port:
        yield
        return
    try:
        has_ipv6 = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if has_ipv6 else socket.AF_INET
        listener = socket.create_server(("", port), family=family, dualstack_ipv6=has_ipv6)
        # Accepted connections inherit it. asyncio does not set it for a socket that is handed to
        # it, and then the second part of each answer waits 40 ms for the client's kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise PortTakenError(f"Port {port} is taken: set {variable} to another one.") from error
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    async with _run_server(_Server(config), listener):
        yield


@asynccontextmanager
async def _run_server(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
