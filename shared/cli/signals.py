"""SIGTERM and Ctrl-C as an exception, so that whatever was started is also ended."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ToldToStopError(Exception):
    """SIGTERM or Ctrl-C has come."""


@contextmanager
def stoppable() -> Iterator[None]:
    """End the block when SIGTERM or Ctrl-C comes; a second one does not disturb the clearing up."""
    signals = (signal.SIGTERM, signal.SIGINT)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise ToldToStopError

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    except ToldToStopError:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
