"""The handlers of the four services without Kafka: each fact is handed to its subscribers."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from random import Random

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event, Request
from shared.contracts.message import MessageIdentified, MessageReceived
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, RejectWaiting
from shared.delivery.app import Service
from shared.delivery.batch.isolation import run_handler
from shared.delivery.batch.request_results import answer_once
from shared.delivery.subscription import Subscription
from shared.settings import Settings
from tests.support.deployment import CONSUMERS

# The contracts that a message passes before it has a ticket.
BEFORE_ROUTING: Collection[type[BaseModel]] = frozenset(
    {MessageReceived, MessageIdentified, MessageCompose}
)
POSTPONED_SHARE = 0.3  # of events, left for the next batch with the later ones of their key


def wrap_requests(subscription: Subscription, service: Service) -> Subscription:
    """Return the subscription as a worker runs it: each request has its effect once."""
    if not all(issubclass(contract, Request) for contract in subscription.contracts):
        return subscription
    handler = answer_once(service.name, subscription.handler, service.publishes)
    return replace(subscription, handler=handler)


def list_subscriptions() -> Iterator[Subscription]:
    """Yield the subscriptions of all services."""
    for consumer in CONSUMERS.values():
        service = consumer(Settings())
        yield from (wrap_requests(each, service) for each in service.subscriptions)


class Relay:
    """Hands events to handlers; events with the same key keep their order, as on a partition.

    With `random` the next subscription and the end of each batch are random; without, each
    subscription takes all its events at once.
    """

    def __init__(self, conn: AsyncConnection, random: Random | None = None) -> None:
        self._conn = conn
        self._random = random
        self._subscriptions = list(list_subscriptions())
        self._waiting: dict[int, list[Event]] = defaultdict(list)

    def put(self, *events: Event) -> None:
        """Add events to the queues of their subscriptions."""
        for event in events:
            for index, subscription in enumerate(self._subscriptions):
                if type(event) in subscription.contracts:
                    self._waiting[index].append(event)

    async def run_batches(self, batches: int) -> None:
        """Run so many batches, or fewer where no events wait."""
        for _ in range(batches):
            if busy := self._find_busy():
                await self._run_batch(self._choose(busy))

    async def drain(self, only: Collection[type[BaseModel]] | None = None) -> None:
        """Run batches until no events wait, or none of these contracts."""
        while busy := self._find_busy(only):
            await self._run_batch(self._choose(busy))

    def _find_busy(self, only: Collection[type[BaseModel]] | None = None) -> list[int]:
        return [
            index
            for index, events in sorted(self._waiting.items())
            if events
            and (only is None or not set(only).isdisjoint(self._subscriptions[index].contracts))
        ]

    def _choose(self, busy: Sequence[int]) -> int:
        return self._random.choice(busy) if self._random else busy[0]

    async def _run_batch(self, index: int) -> None:
        batch = self._take_batch(index)
        handler = self._subscriptions[index].handler
        outcome, refused = await run_handler(self._conn, handler, batch)
        assert refused == []
        order = {id(event): number for number, event in enumerate(batch)}
        outcome = [item for item in outcome if not isinstance(item, RejectWaiting)]
        for item in sorted(outcome, key=lambda item: order[id(item.cause)]):
            assert isinstance(item, Emit), item
            self.put(item.fact)

    def _take_batch(self, index: int) -> list[Event]:
        taken: list[Event] = []
        left: list[Event] = []
        postponed_keys: set[str] = set()
        for event in self._waiting[index]:
            if event.key in postponed_keys or (
                self._random and self._random.random() < POSTPONED_SHARE
            ):
                postponed_keys.add(event.key)
                left.append(event)
            else:
                taken.append(event)
        self._waiting[index] = left if taken else left[1:]
        return taken or left[:1]
