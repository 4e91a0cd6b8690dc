"""The four services without Kafka: what one of them tells, the others hear."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from random import Random

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event, Request
from shared.contracts.message import MessageIdentified, MessageReceived
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Told
from shared.delivery.requests import answered_once
from shared.delivery.service import Service
from shared.delivery.settle import settle
from shared.delivery.subscription import Subscription
from shared.settings import Settings
from tests.support.deployment import CONSUMERS

# Before a message has these behind it, it has no ticket.
ON_THE_WAY_IN: Collection[type[BaseModel]] = frozenset(
    {MessageReceived, MessageIdentified, MessageCompose}
)
WAITS = 0.3  # how likely an event is left for the next batch, with those of its key behind it


def as_run(heard: Subscription, service: Service) -> Subscription:
    """Requests have their effect once by their ids, which is done around their handler."""
    if not all(issubclass(contract, Request) for contract in heard.contracts):
        return heard
    return replace(heard, handler=answered_once(service.name, heard.handler, service.tells))


def heard_by_all() -> Iterator[Subscription]:
    for consumer in CONSUMERS.values():
        service = consumer(Settings())
        yield from (as_run(heard, service) for heard in service.subscriptions)


class Relay:
    """Hands events to handlers: those of a key in their order, as a partition does.

    With a `pace` it is chance who works next and where a batch is cut; else everybody takes all.
    """

    def __init__(self, conn: AsyncConnection, pace: Random | None = None) -> None:
        self._conn = conn
        self._pace = pace
        self._subscriptions = list(heard_by_all())
        self._waiting: dict[int, list[Event]] = defaultdict(list)

    def put(self, *events: Event) -> None:
        for event in events:
            for place, heard in enumerate(self._subscriptions):
                if type(event) in heard.contracts:
                    self._waiting[place].append(event)

    async def work(self, batches: int) -> None:
        """Let so many batches be taken, if there are as many."""
        for _ in range(batches):
            if busy := self._busy():
                await self._carry(self._chosen(busy))

    async def drain(self, only: Collection[type[BaseModel]] | None = None) -> None:
        """Work until nothing waits any more, or nothing of these contracts."""
        while busy := self._busy(only):
            await self._carry(self._chosen(busy))

    def _busy(self, only: Collection[type[BaseModel]] | None = None) -> list[int]:
        return [
            place
            for place, events in sorted(self._waiting.items())
            if events
            and (only is None or not set(only).isdisjoint(self._subscriptions[place].contracts))
        ]

    def _chosen(self, busy: Sequence[int]) -> int:
        return self._pace.choice(busy) if self._pace else busy[0]

    async def _carry(self, place: int) -> None:
        batch = self._cut(place)
        handler = self._subscriptions[place].handler
        outcome, impossible = await settle(self._conn, handler, batch)
        assert impossible == []
        order = {id(event): number for number, event in enumerate(batch)}
        for item in sorted(outcome, key=lambda item: order[id(item.cause)]):
            assert isinstance(item, Told), item
            self.put(item.fact)

    def _cut(self, place: int) -> list[Event]:
        taken: list[Event] = []
        left: list[Event] = []
        behind: set[str] = set()
        for event in self._waiting[place]:
            if event.key in behind or (self._pace and self._pace.random() < WAITS):
                behind.add(event.key)
                left.append(event)
            else:
                taken.append(event)
        self._waiting[place] = left if taken else left[1:]
        return taken or left[:1]
