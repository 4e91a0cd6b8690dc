"""Where a wrapped worker can be made to die or freeze: the points between its steps."""

import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.delivery.corridor import Corridor
from shared.delivery.publish import Publisher
from shared.delivery.timers import TimerLoop

BEFORE_COMMIT = "before-commit"
AFTER_COMMIT = "after-commit"  # and before anything is published
MID_PUBLISH = "mid-publish"  # one record batch is acknowledged, others may not be
AFTER_PUBLISH = "after-publish"  # and before Kafka is told the offsets
POINTS = (BEFORE_COMMIT, AFTER_COMMIT, MID_PUBLISH, AFTER_PUBLISH)

Method = Callable[..., Awaitable[Any]]


class Trap:
    """An order in a file, `{"id", "point", "count", "signal"}`: strike at that passing.

    The file is read at every passing, so that it arms a running process and can be taken back. It
    is gone once the trap has struck.
    """

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._passings: dict[str, int] = {}

    def passed(self, point: str) -> None:
        """Count a passing, and strike if it is the ordered one."""
        try:
            order = json.loads(self._orders.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return
        if order["point"] != point:
            return
        self._passings[order["id"]] = self._passings.get(order["id"], 0) + 1
        if self._passings[order["id"]] >= order["count"]:
            self._orders.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.Signals(order["signal"]))


def lay(trap: Trap) -> None:
    """Put the trap at every point; it belongs around plants, so it is laid after them."""
    _wrap(Corridor, "carry", lambda method: _then(method, trap, BEFORE_COMMIT))
    _wrap(TimerLoop, "_due", lambda method: _then(method, trap, BEFORE_COMMIT))
    _wrap(Publisher, "publish", lambda method: _around_publish(method, trap))
    _wrap(AIOKafkaProducer, "send_batch", lambda method: _acknowledged(method, trap))


def _wrap(owner: type, name: str, wrapper: Callable[[Method], Method]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


def _then(method: Method, trap: Trap, point: str) -> Method:
    async def wrapped(*args: Any, **named: Any) -> Any:
        result = await method(*args, **named)
        trap.passed(point)
        return result

    return wrapped


def _around_publish(method: Method, trap: Trap) -> Method:
    async def wrapped(self: Publisher, records: Iterable[Any]) -> Any:
        facts = list(records)
        if facts:
            trap.passed(AFTER_COMMIT)
        result = await method(self, facts)
        if facts:
            trap.passed(AFTER_PUBLISH)
        return result

    return wrapped


def _acknowledged(method: Method, trap: Trap) -> Method:
    async def wrapped(*args: Any, **named: Any) -> Any:
        sent = await method(*args, **named)
        await sent
        trap.passed(MID_PUBLISH)
        return sent

    return wrapped
