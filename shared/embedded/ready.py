"""Free ports, and waiting until a server answers."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.embedded.errors import StartError
from shared.embedded.processes import Guarded

# Below the ports that systems give to outgoing connections, so that none takes a server's port
# while that server restarts.
PORTS = range(20_000, 32_000)
PAUSE_S = 0.05
TAIL_LINES = 15


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on."""
    # Two processes that were given the same seed must not look in the same order.
    shuffled = random.SystemRandom().sample(PORTS, len(PORTS))
    found: list[int] = []
    for port in shuffled:
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise StartError("No port is free on 127.0.0.1: stop something that listens there.")


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(question: Coroutine[Any, Any, bool]) -> bool:
    """Run a coroutine to its end, inside or outside a running loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, question).result()


def wait_until(is_ready: Callable[[], bool], server: Guarded, what: str, limit_s: float) -> None:
    """Ask again and again; raises StartError with the end of the log when it never answers."""
    deadline = time.monotonic() + limit_s
    while not is_ready():
        if (code := server.poll()) is not None:
            raise StartError(_complaint(server, f"{what} ended at once (exit code {code})"))
        if time.monotonic() > deadline:
            raise StartError(_complaint(server, f"{what} was not ready within {limit_s:g} s"))
        time.sleep(PAUSE_S)


def _complaint(server: Guarded, what: str) -> str:
    tail = server.log_path.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"{what}: see {server.log_path}, which ends with", *tail])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
