"""Freezes the embedded servers: all their processes, but not the guards that would end them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.embedded.processes import Guarded


def freeze(server: Guarded) -> None:
    """Stop a server and its children with SIGSTOP; the parent first, so that it starts no more."""
    _signal(server, signal.SIGSTOP)


def thaw(server: Guarded) -> None:
    """Let a frozen server and its children continue."""
    _signal(server, signal.SIGCONT)


@contextmanager
def frozen(server: Guarded) -> Iterator[None]:
    """Freeze a server as long as the block lasts."""
    freeze(server)
    try:
        yield
    finally:
        thaw(server)


def _signal(server: Guarded, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        program = psutil.Process(server.pid)
        program.send_signal(number)
        for child in program.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)
