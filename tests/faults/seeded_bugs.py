"""Seeded bugs, each of which the auditor must find; they wrap the product's functions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.messages.storing import store as storing
from services.tickets.routing import store as routing
from shared.delivery import claimed_partitions, timers
from shared.delivery.batch import triage
from shared.delivery.batch.transaction import BatchResult, BatchTransaction
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.health.server_watch import ServerWatch


def publish_before_commit() -> None:
    """Publish facts while their transaction may still be rolled back."""
    run = BatchTransaction.run

    async def publish_first(self: BatchTransaction, *args: Any, **named: Any) -> BatchResult:
        result = await run(self, *args, **named)
        await self.publisher.publish(result.facts)
        return replace(result, facts=[])

    _replace(BatchTransaction, "run", publish_first)


def no_sequence_check() -> None:
    """Treat repeated facts as new."""
    _replace(triage, "_is_new", lambda *_: True)


def claim_without_outbox() -> None:
    """Claim partitions without publishing their outboxes."""
    for module in (claimed_partitions, timers):
        _replace(module, "unpack", lambda _: [])


def outbox_never_cleared() -> None:
    """Leave published facts in the checkpoint, so that each claim publishes them again."""

    async def keep(*_: Any) -> None:
        pass

    _replace(checkpoints, "clear_outboxes", keep)


def contents_refused() -> None:
    """Refuse the content of a placeholder as a duplicate."""

    async def find_none(*_: Any) -> dict[Any, int]:
        return {}

    _replace(storing, "lock_placeholders", find_none)


def contents_not_routed() -> None:
    """Take a placeholder for the message: drop its content before it has a ticket."""
    find_stored = routing.find_stored

    async def find_all(*args: Any) -> dict[Any, Any]:
        found = await find_stored(*args)
        return {key: replace(message, is_placeholder=False) for key, message in found.items()}

    _replace(routing, "find_stored", find_all)


def always_ready() -> None:
    """Say ok, whichever server does not answer."""
    _replace(ServerWatch, "healths", ())


def _replace(owner: object, name: str, other: object) -> None:
    """Replace an attribute; raises AttributeError if the product no longer has it."""
    getattr(owner, name)
    setattr(owner, name, other)


SEEDED_BUGS: dict[str, Callable[[], None]] = {
    "publish-before-commit": publish_before_commit,
    "no-sequence-check": no_sequence_check,
    "claim-without-outbox": claim_without_outbox,
    "outbox-never-cleared": outbox_never_cleared,
    "contents-refused": contents_refused,
    "contents-not-routed": contents_not_routed,
    "always-ready": always_ready,
}
