"""Turns SIGTERM and Ctrl-C into an exception, so that everything started is also ended."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignalError(Exception):
    """SIGTERM or Ctrl-C was received."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """End the block on SIGTERM or Ctrl-C; a second signal does not interrupt the clean-up."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise StopSignalError

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    except StopSignalError:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
