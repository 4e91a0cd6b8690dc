"""Seeded bugs, each of which the auditor must find; they wrap the product's functions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.delivery import claimed_partitions, timers
from shared.delivery.batch import triage
from shared.delivery.batch.transaction import BatchResult, BatchTransaction
from shared.delivery.checkpoints import store as checkpoints


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


def _replace(owner: object, name: str, other: object) -> None:
    """Replace an attribute; raises AttributeError if the product no longer has it."""
    getattr(owner, name)
    setattr(owner, name, other)


SEEDED_BUGS: dict[str, Callable[[], None]] = {
    "publish-before-commit": publish_before_commit,
    "no-sequence-check": no_sequence_check,
    "claim-without-outbox": claim_without_outbox,
    "outbox-never-cleared": outbox_never_cleared,
}
