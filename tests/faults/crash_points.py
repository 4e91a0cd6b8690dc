"""Crash points: between which steps of a worker it can be killed or frozen."""

import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.timers import TimerLoop

BEFORE_COMMIT = "before-commit"
AFTER_COMMIT = "after-commit"  # and before anything is published
MID_PUBLISH = "mid-publish"  # one record batch is acknowledged, others may not be
AFTER_PUBLISH = "after-publish"  # and before the offsets are committed
POINTS = (BEFORE_COMMIT, AFTER_COMMIT, MID_PUBLISH, AFTER_PUBLISH)

Method = Callable[..., Awaitable[Any]]


class CrashOrder:
    """An armed crash point in a file: `{"id", "point", "count", "signal"}`.

    The file is read whenever a point is reached, so that it can be armed and disarmed while the
    process runs. It is deleted just before the signal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, int] = {}

    def reach(self, point: str) -> None:
        """Count the point, and send the signal if its count is reached."""
        try:
            order = json.loads(self._path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return
        if order["point"] != point:
            return
        self._counts[order["id"]] = self._counts.get(order["id"], 0) + 1
        if self._counts[order["id"]] >= order["count"]:
            self._path.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.Signals(order["signal"]))


def install(crash_order: CrashOrder) -> None:
    """Wrap the steps of the worker; call it after a seeded bug has wrapped them."""
    _wrap(BatchTransaction, "run", lambda method: _reach_after(method, crash_order, BEFORE_COMMIT))
    _wrap(
        TimerLoop, "_run_handler", lambda method: _reach_after(method, crash_order, BEFORE_COMMIT)
    )
    _wrap(Publisher, "publish", lambda method: _wrap_publish(method, crash_order))
    _wrap(AIOKafkaProducer, "send_batch", lambda method: _wrap_send_batch(method, crash_order))


def _wrap(owner: type, name: str, wrapper: Callable[[Method], Method]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


def _reach_after(method: Method, crash_order: CrashOrder, point: str) -> Method:
    async def wrapped(*args: Any, **named: Any) -> Any:
        result = await method(*args, **named)
        crash_order.reach(point)
        return result

    return wrapped


def _wrap_publish(method: Method, crash_order: CrashOrder) -> Method:
    async def wrapped(self: Publisher, records: Iterable[Any]) -> Any:
        facts = list(records)
        if facts:
            crash_order.reach(AFTER_COMMIT)
        result = await method(self, facts)
        if facts:
            crash_order.reach(AFTER_PUBLISH)
        return result

    return wrapped


def _wrap_send_batch(method: Method, crash_order: CrashOrder) -> Method:
    async def wrapped(*args: Any, **named: Any) -> Any:
        sent = await method(*args, **named)
        await sent
        crash_order.reach(MID_PUBLISH)
        return sent

    return wrapped
