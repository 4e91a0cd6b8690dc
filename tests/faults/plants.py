"""Bugs on purpose, each of which the auditor must find: they live here, not in the product."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.delivery import checkpoints, sorting, timers, worker
from shared.delivery.corridor import Corridor, Result


def publish_before_commit() -> None:
    """Tell facts while their transaction may still be rolled back."""
    carry = Corridor.carry

    async def telling_first(self: Corridor, *args: Any, **named: Any) -> Result:
        result = await carry(self, *args, **named)
        await self.publisher.publish(result.facts)
        return replace(result, facts=[])

    _replace(Corridor, "carry", telling_first)


def no_sequence_check() -> None:
    """Take every fact for a new one, also when it is told again."""
    _replace(sorting, "_is_new", lambda *_: True)


def take_over_without_outbox() -> None:
    """Go on from the stored offset and forget what was still to be told."""
    for reading in (worker, timers):
        _replace(reading, "unpack", lambda _: [])


def outbox_never_cleared() -> None:
    """Leave told facts in the checkpoint, to be told again at every taking over."""

    async def leave(*_: Any) -> None:
        pass

    _replace(checkpoints, "clear", leave)


def _replace(owner: object, name: str, other: object) -> None:
    """Fail where the product no longer has what a plant would replace."""
    getattr(owner, name)
    setattr(owner, name, other)


PLANTS: dict[str, Callable[[], None]] = {
    "publish-before-commit": publish_before_commit,
    "no-sequence-check": no_sequence_check,
    "take-over-without-outbox": take_over_without_outbox,
    "outbox-never-cleared": outbox_never_cleared,
}
