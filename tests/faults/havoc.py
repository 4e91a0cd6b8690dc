"""What is broken in a round, and when: drawn from the round's seed before anything happens."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random

from shared.embedded.kafka import Kafka
from tests.faults.crew import BASE, Crew, Slot
from tests.faults.traps import AFTER_COMMIT, AFTER_PUBLISH, BEFORE_COMMIT, MID_PUBLISH, POINTS

TRAFFIC_S = 3.0  # how long a round publishes, and breaks
TRAP_S = 5.0  # how long a trap is left armed
FROZEN_S = 7.5  # longer than the session, so that others have taken over meanwhile
LONG_OUTAGE_S = 60.0
LONG_OUTAGE_EVERY = 20
LONG_OUTAGE, QUIET_RESTART = "long outage", "quiet restart"

Act = Callable[["Havoc"], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to break, so many seconds after the round began."""

    at_s: float
    act: Act


@dataclass(slots=True)
class Havoc:
    """Carries a plan out, and counts what really was broken."""

    crew: Crew
    done: Counter[str] = field(default_factory=Counter)

    async def carry_out(self, plan: Sequence[Step]) -> None:
        """Do every step at its time; when this returns, all is mended but dead workers."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for step in plan:
                group.create_task(self._step(step, began))

    async def _step(self, step: Step, began: float) -> None:
        await asyncio.sleep(max(0.0, began + step.at_s - time.monotonic()))
        await step.act(self)


def themes() -> dict[str, Callable[[Random], list[Step]]]:
    """Name every kind of round and how it is drawn."""
    return {
        "kills": _kills,
        BEFORE_COMMIT: _deaths_at(BEFORE_COMMIT),
        AFTER_COMMIT: _deaths_at(AFTER_COMMIT),
        MID_PUBLISH: _deaths_at(MID_PUBLISH),
        AFTER_PUBLISH: _deaths_at(AFTER_PUBLISH),
        "zombies": _zombies,
        "broker": _broker,
        "database": _database,
        "come and go": _come_and_go,
        QUIET_RESTART: lambda _: [],
        "everything": _everything,
        LONG_OUTAGE: _long_outage,
        "deaths": _deaths,
        **{f"all die {point}": _all_die_at(point) for point in POINTS},
    }


def theme_of(number: int) -> str:
    """Choose the kind of a round by its number, so that each kind has its turn."""
    if number % LONG_OUTAGE_EVERY == 0:
        return LONG_OUTAGE
    usual = list(themes())
    return usual[(number - 1) % usual.index(LONG_OUTAGE)]


def _kills(random: Random) -> list[Step]:
    return [_kill(random) for _ in range(3)]


def _deaths_at(point: str) -> Callable[[Random], list[Step]]:
    def draw(random: Random) -> list[Step]:
        return [_trap(random, point, signal.SIGKILL) for _ in range(3)]

    return draw


def _deaths(random: Random) -> list[Step]:
    return [_kill(random), *(_trap(random, point, signal.SIGKILL) for point in POINTS)]


def _all_die_at(point: str) -> Callable[[Random], list[Step]]:
    """Let every worker die at its first passing, so that a plant cannot get away by luck."""

    def draw(_: Random) -> list[Step]:
        async def act(havoc: Havoc) -> None:
            slots = list(havoc.crew.slots)
            for slot in slots:
                havoc.crew.order(slot, point, 1, signal.SIGKILL)
            struck = await asyncio.gather(*(_struck(havoc.crew, slot) for slot in slots))
            havoc.done[f"SIGKILL {point}"] += sum(struck)

        return [Step(0.5, act)]

    return draw


def _zombies(random: Random) -> list[Step]:
    return [_freeze(random), _trap(random, random.choice(POINTS), signal.SIGSTOP)]


def _broker(random: Random) -> list[Step]:
    polite = random.random() < 0.5

    async def restart(havoc: Havoc) -> None:
        kafka = havoc.crew.servers.kafka
        assert isinstance(kafka, Kafka)
        if not polite:
            await asyncio.to_thread(kafka.kill)
        await asyncio.to_thread(kafka.restart)
        havoc.done["broker restarted" if polite else "broker killed"] += 1

    return [Step(random.uniform(0.3, 1.0), restart), _kill(random)]


def _database(random: Random) -> list[Step]:
    return [_outage(random.uniform(0.5, 2), random.uniform(1.5, 4)), _kill(random)]


def _long_outage(random: Random) -> list[Step]:
    return [_outage(random.uniform(1, 3), LONG_OUTAGE_S)]


def _come_and_go(random: Random) -> list[Step]:
    service, leaver = random.choice(BASE), _some(random)
    stay_s = random.uniform(2, 4)

    async def come(havoc: Havoc) -> None:
        guest = havoc.crew.hire(f"{service}-guest", service)
        await asyncio.sleep(stay_s)
        await havoc.crew.dismiss([guest])
        havoc.crew.drop(guest)
        havoc.done["joined"] += 1

    async def leave(havoc: Havoc) -> None:
        slot = leaver(havoc.crew)
        await havoc.crew.dismiss([slot])
        havoc.crew.recall([slot])
        havoc.done["SIGTERM"] += 1

    return [Step(random.uniform(0.5, 2), come), Step(random.uniform(0.5, 4), leave)]


def _everything(random: Random) -> list[Step]:
    parts: list[list[Step]] = [
        [_kill(random)],
        [_trap(random, random.choice(POINTS), signal.SIGKILL)],
        [_freeze(random)],
        random.choice((_database, _broker, _come_and_go))(random),
    ]
    return [step for part in random.sample(parts, 3) for step in part]


def _some(random: Random) -> Callable[[Crew], Slot]:
    """Draw a worker now, whoever is there later; campaigns have less to do and die less."""
    drawn, service = random.random(), random.choices(BASE, (3, 3, 3, 1))[0]

    def pick(crew: Crew) -> Slot:
        fitting = [slot for slot in crew.slots if slot.service == service]
        return fitting[int(drawn * len(fitting))]

    return pick


def _kill(random: Random) -> Step:
    pick = _some(random)

    async def act(havoc: Havoc) -> None:
        havoc.done["SIGKILL"] += havoc.crew.kill(pick(havoc.crew))

    return Step(random.uniform(0.2, TRAFFIC_S - 1), act)


def _trap(random: Random, point: str, number: signal.Signals) -> Step:
    pick, count = _some(random), random.randint(1, 4)

    async def act(havoc: Havoc) -> None:
        slot = pick(havoc.crew)
        if havoc.crew.is_ordered(slot):
            return
        havoc.crew.order(slot, point, count, number)
        if not await _struck(havoc.crew, slot):
            return
        havoc.done[f"{number.name} {point}"] += 1
        if number is signal.SIGSTOP:
            await asyncio.sleep(FROZEN_S)
            havoc.crew.kill(slot, signal.SIGCONT)

    return Step(random.uniform(0.2, TRAFFIC_S - 1.5), act)


async def _struck(crew: Crew, slot: Slot) -> bool:
    deadline = time.monotonic() + TRAP_S
    while crew.is_ordered(slot) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.05)
    return crew.take_back(slot)


def _freeze(random: Random) -> Step:
    pick = _some(random)

    async def act(havoc: Havoc) -> None:
        slot = pick(havoc.crew)
        havoc.done["SIGSTOP"] += havoc.crew.kill(slot, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        havoc.crew.kill(slot, signal.SIGCONT)

    return Step(random.uniform(0.5, 3), act)


def database_away(at_s: float, seconds: float) -> Act:
    """Stop the database at once, so long after the start, and start it again."""

    async def act(havoc: Havoc) -> None:
        database = havoc.crew.servers.postgres
        assert database is not None
        assert database.process is not None
        await asyncio.sleep(at_s)
        os.kill(database.process.pid, signal.SIGQUIT)  # its immediate shutdown
        await asyncio.to_thread(database.process.wait, 20.0)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(database.run)
        havoc.done["database stopped"] += 1

    return act


def broker_away(at_s: float, seconds: float) -> Act:
    """Kill the broker, so long after the start, and start it again."""

    async def act(havoc: Havoc) -> None:
        kafka = havoc.crew.servers.kafka
        assert isinstance(kafka, Kafka)
        await asyncio.sleep(at_s)
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(kafka.restart)
        havoc.done["broker killed"] += 1

    return act


def _outage(at_s: float, seconds: float) -> Step:
    return Step(at_s, database_away(0, seconds))
