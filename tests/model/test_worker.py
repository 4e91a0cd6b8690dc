"""Two workers with random failures: each record takes effect once, in order, with one fact."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.delivery import claimed_partitions, worker
from shared.delivery.app import RebalanceListener
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.health import backoff as retry
from shared.delivery.worker import Worker
from tests.model import model
from tests.model.model import BatchTransaction, Consumer, Database, Publisher, World

SEEDS = range(40)
REBALANCES = 12
PATIENCE_S = 10.0
BYTES_IN_FLIGHT = (400, 4_000, 2**30)


class Member:
    """One worker process, with its assignment and revocation of partitions."""

    def __init__(self, world: World) -> None:
        self.consumer = Consumer(world)
        self.worker = Worker(
            BatchTransaction(),  # type: ignore[arg-type]
            Database(world),  # type: ignore[arg-type]
            Publisher(world),  # type: ignore[arg-type]
            lambda: self.consumer,
            world.random.choice(BYTES_IN_FLIGHT),
        )
        self.handover = RebalanceListener(self.worker)
        self._world = world

    async def read(self) -> None:
        """Run batches as FastStream does, one after another."""
        while True:
            if batch := await self.consumer.getmany():
                await self._world.nap()
                await self.worker.consume(batch)

    async def revoked(self) -> None:
        """Revoke its partitions."""
        self.consumer.joined.clear()
        await _as_aiokafka(self.handover.on_partitions_revoked(self.consumer.assignment()))

    async def assigned(self, places: list[TopicPartition]) -> None:
        """Assign partitions; records may be fetched before the listener has ended."""
        self.consumer.assign(places)
        await _as_aiokafka(self.handover.on_partitions_assigned(places))


async def _as_aiokafka(listener: Coroutine[Any, Any, None]) -> None:
    with suppress(Exception):
        await listener


async def rebalance(world: World, members: list[Member]) -> None:
    """Assign the partitions anew; a frozen member misses it and goes on with its old ones."""
    random = world.random
    zombie = random.choice(members) if random.random() < 0.3 and not world.calm else None
    if zombie:
        zombie.consumer.is_zombie = True
    living = [member for member in members if member is not zombie]
    await asyncio.gather(*(member.revoked() for member in living))
    places = random.sample(sorted(world.log), len(world.log))
    cut = random.randint(0, len(places)) if len(living) > 1 else len(places)
    shares = (places[:cut], places[cut:])
    await asyncio.gather(
        *(member.assigned(share) for member, share in zip(living, shares, strict=False))
    )


async def appear(world: World) -> None:
    """Make records visible, some at a time."""
    while any(world.visible[place] < len(log) for place, log in world.log.items()):
        for place in world.log:
            world.visible[place] += world.random.randint(0, 15)
        await asyncio.sleep(model.NAP_S)


@asynccontextmanager
async def at_work(members: list[Member]) -> AsyncIterator[None]:
    loops = [member.read() for member in members]
    loops += [member.worker.run_maintenance() for member in members]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
        assert not [task for task in tasks if task.done()], "a loop ended by itself"
    finally:
        for task in tasks:
            task.cancel()
        for member in members:
            member.worker.outage.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the product's statements by the model's, and shorten waits."""
    for stand_in in (model.create, model.lock, model.lock_at, model.clear_outboxes):
        monkeypatch.setattr(checkpoints, stand_in.__name__, stand_in)
    monkeypatch.setattr(claimed_partitions, "unpack", model.unpack)
    monkeypatch.setattr(worker, "MAINTENANCE_S", 0.002)
    monkeypatch.setattr(retry, "FIRST_DELAY_S", 0.0005)
    monkeypatch.setattr(retry, "LONGEST_DELAY_S", 0.003)


async def play(seed: int) -> World:
    world = World.of(seed)
    members = [Member(world), Member(world)]
    async with at_work(members):
        appearing = asyncio.create_task(appear(world))
        for _ in range(REBALANCES):
            await rebalance(world, members)
            await asyncio.sleep(0.02 * world.random.random())
        world.calm = True
        await rebalance(world, members)
        await appearing
        async with asyncio.timeout(PATIENCE_S):
            while not world.is_taken_in:  # noqa: ASYNC110 - a worker tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)  # the last facts follow their commit
    return world


def first_told(told: list[int]) -> list[int]:
    """Drop what is not above the highest so far, as consumers do."""
    kept: list[int] = []
    for number in told:
        if not kept or number > kept[-1]:
            kept.append(number)
    return kept


@pytest.mark.usefixtures("in_the_model")
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_record_takes_effect_once_in_its_order_and_is_told(seed: int) -> None:
    world = await play(seed)
    wanted = {place: [record.offset for record in log] for place, log in world.log.items()}
    assert dict(world.applied) == wanted
    assert {place: first_told(told) for place, told in world.told.items()} == wanted
