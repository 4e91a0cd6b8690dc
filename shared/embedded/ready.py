"""Finds free ports, and waits until a server is ready."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.embedded.errors import StartError
from shared.embedded.processes import Guarded

# Below the ephemeral port range, so that the port of a restarting server stays free.
PORTS = range(20_000, 32_000)
PAUSE_S = 0.05
TAIL_LINES = 15


def find_free_ports(count: int) -> list[int]:
    """Return ports on loopback on which nobody listens."""
    # Unseeded randomness: two processes with the same seed would try the same ports.
    shuffled = random.SystemRandom().sample(PORTS, len(PORTS))
    ports: list[int] = []
    for port in shuffled:
        if _is_free(port):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise StartError("No port is free on 127.0.0.1: stop a program that listens there.")


def is_free_on_all_addresses(port: int) -> bool:
    """Return whether a server, as those of workers, can listen on a port of all addresses."""
    has_ipv6 = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if has_ipv6 else socket.AF_INET
    try:
        socket.create_server(("", port), family=family, dualstack_ipv6=has_ipv6).close()
    except OSError:
        return False
    return True


def is_answering(port: int) -> bool:
    """Return whether a program accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run_coroutine(coroutine: Coroutine[Any, Any, bool]) -> bool:
    """Run a coroutine to its end, inside or outside a running loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def wait_until(is_ready: Callable[[], bool], server: Guarded, what: str, limit_s: float) -> None:
    """Wait until a server is ready; raises StartError with the end of its log."""
    deadline = time.monotonic() + limit_s
    while not is_ready():
        if (code := server.poll()) is not None:
            raise StartError(_describe(server, f"{what} ended at once (exit code {code})"))
        if time.monotonic() > deadline:
            raise StartError(_describe(server, f"{what} was not ready within {limit_s:g} s"))
        time.sleep(PAUSE_S)


def _describe(server: Guarded, what: str) -> str:
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
