"""What a worker listens to: contracts, the topics they come on, and who handles them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.outcome import Outcome

Handler = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Outcome]]
TimedHandler = Callable[[AsyncConnection], Awaitable[Sequence[Event] | None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Records of these contracts go to this handler, a batch at a time.

    `outside_topics` are full names of topics that belong to others and carry one contract
    without CloudEvents headers; else the topics are those of the contracts. `only_reads`: the
    handler writes nothing, and so runs before the transaction begins and may take its time.
    """

    contracts: tuple[type[BaseModel], ...]
    handler: Handler
    outside_topics: tuple[str, ...] = ()
    only_reads: bool = False

    def topics(self, namespace: str) -> tuple[str, ...]:
        """Full names of the topics to subscribe to."""
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
    """A handler that is asked every so often what is due; one worker at a time asks it.

    One that gives None has nothing to do, and is asked again after `idle_ms` only.
    """

    name: str
    every_ms: int
    handler: TimedHandler
    idle_ms: int = 0

    def pause_s(self, *, idles: bool) -> float:
        """Give the seconds until it is asked again."""
        return max(self.every_ms, self.idle_ms if idles else 0) / 1000
