"""Subscriptions (contracts, topics, handler) and timers of a service."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.outcome import Outcome, RejectWaiting

# Any: a handler takes a batch of its own contracts.
Handler = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Outcome]]
TimedHandler = Callable[[AsyncConnection], Awaitable[Sequence[Event | RejectWaiting] | None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler, and the contracts whose events it gets in batches.

    `outside_topics` are full names of other products' topics, with one contract and without
    CloudEvents headers; by default the topics are those of the contracts. `only_reads`: the handler
    writes no rows, so it runs before the transaction begins and may take long.
    """

    contracts: tuple[type[BaseModel], ...]
    handler: Handler
    outside_topics: tuple[str, ...] = ()
    only_reads: bool = False

    def list_topics(self, namespace: str) -> tuple[str, ...]:
        """Return the full names of the topics to subscribe to."""
        if self.outside_topics:
            return self.outside_topics
        names = dict.fromkeys(
            f"{namespace}.{contract.topic}"
            for contract in self.contracts
            if issubclass(contract, Event)
        )
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Timer:
    """A handler that runs every `every_ms`, in one worker of the service at a time.

    It returns facts to publish and events to reject, or None if there is nothing to do; then it
    runs again after `idle_ms`.
    """

    name: str
    every_ms: int
    handler: TimedHandler
    idle_ms: int = 0

    def compute_pause_s(self, *, is_idle: bool) -> float:
        """Return the seconds until the next run."""
        return max(self.every_ms, self.idle_ms if is_idle else 0) / 1000
