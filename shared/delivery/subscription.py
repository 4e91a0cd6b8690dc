"""What a worker listens to: contracts, the topics they come on, and who handles them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.outcome import Outcome

Handler = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Outcome]]
TimedHandler = Callable[[AsyncConnection], Awaitable[Sequence[Event]]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Records of these contracts go to this handler, a batch at a time.

    `outside_topics` are full names of topics that belong to others and carry one contract
    without CloudEvents headers; else the topics are those of the contracts.
    """

    contracts: tuple[type[BaseModel], ...]
    handler: Handler
    outside_topics: tuple[str, ...] = ()

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
    """A handler that is asked every so often what is due; one worker at a time asks it."""

    name: str
    every_ms: int
    handler: TimedHandler
