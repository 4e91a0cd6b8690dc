"""Faults of a round and their moments, drawn from the round's seed before it begins."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random

from shared.embedded.kafka import Kafka
from shared.embedded.processes import Guarded
from shared.embedded.servers import Servers
from tests.faults.crash_points import (
    AFTER_COMMIT,
    AFTER_PUBLISH,
    BEFORE_COMMIT,
    MID_PUBLISH,
    POINTS,
)
from tests.faults.served import Freeze
from tests.faults.worker_pool import SERVICES, Slot, WorkerPool
from tests.support.freezing import freeze, thaw

TRAFFIC_S = 3.0  # how long a round publishes and injects faults
ARMED_S = 5.0  # how long a crash point stays armed
FROZEN_S = 7.5  # longer than the session, so that other workers claim the partitions
SERVER_FROZEN_S = 12.5  # longer than a post may take to be answered
SERVER_SLOW_S = 6.0
STOPPED_S, RUNNING_S = 0.2, 0.05  # of a slow server, in turn
DATABASE, BROKER = "the database", "Kafka"  # as /ready names them
LONG_OUTAGE_S = 60.0
LONG_OUTAGE_EVERY = 20
LONG_OUTAGE, QUIET_RESTART = "long outage", "quiet restart"

Fault = Callable[["FaultInjector"], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault and its moment, in seconds after the round began."""

    at_s: float
    inject: Fault


@dataclass(slots=True)
class FaultInjector:
    """Injects planned faults and counts those that took effect."""

    pool: WorkerPool
    injected: Counter[str] = field(default_factory=Counter)
    freezes: list[Freeze] = field(default_factory=list)

    async def run_plan(self, plan: Sequence[PlannedFault]) -> None:
        """Inject every fault at its moment; at the end all servers run again."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for planned_fault in plan:
                group.create_task(self._inject_at(planned_fault, began))

    async def _inject_at(self, planned_fault: PlannedFault, began: float) -> None:
        await asyncio.sleep(max(0.0, began + planned_fault.at_s - time.monotonic()))
        await planned_fault.inject(self)


def list_themes() -> dict[str, Callable[[Random], list[PlannedFault]]]:
    """Return the kinds of rounds, each with the function that plans its faults."""
    return {
        "kills": _plan_kills,
        BEFORE_COMMIT: _plan_deaths_at(BEFORE_COMMIT),
        AFTER_COMMIT: _plan_deaths_at(AFTER_COMMIT),
        MID_PUBLISH: _plan_deaths_at(MID_PUBLISH),
        AFTER_PUBLISH: _plan_deaths_at(AFTER_PUBLISH),
        "zombies": _plan_frozen_workers,
        "broker": _plan_broker_restart,
        "database": _plan_database_outage,
        "frozen database": _plan_frozen_server(DATABASE),
        "frozen broker": _plan_frozen_server(BROKER),
        "slow database": _plan_slow_server(DATABASE),
        "slow broker": _plan_slow_server(BROKER),
        "come and go": _plan_members_that_come_and_go,
        QUIET_RESTART: lambda _: [],
        "everything": _plan_everything,
        LONG_OUTAGE: _plan_long_outage,
        "deaths": _plan_deaths,
        **{f"all die {point}": _plan_deaths_of_all(point) for point in POINTS},
    }


def choose_theme(number: int) -> str:
    """Return the kind of a round; the kinds follow each other by its number."""
    if number % LONG_OUTAGE_EVERY == 0:
        return LONG_OUTAGE
    usual = list(list_themes())
    return usual[(number - 1) % usual.index(LONG_OUTAGE)]


def _plan_kills(random: Random) -> list[PlannedFault]:
    return [_plan_kill(random) for _ in range(3)]


def _plan_deaths_at(point: str) -> Callable[[Random], list[PlannedFault]]:
    def draw(random: Random) -> list[PlannedFault]:
        return [_plan_crash_point(random, point, signal.SIGKILL) for _ in range(3)]

    return draw


def _plan_deaths(random: Random) -> list[PlannedFault]:
    return [
        _plan_kill(random),
        *(_plan_crash_point(random, point, signal.SIGKILL) for point in POINTS),
    ]


def _plan_deaths_of_all(point: str) -> Callable[[Random], list[PlannedFault]]:
    """Kill every worker when it first reaches the point, so that a seeded bug shows for certain."""

    def draw(_: Random) -> list[PlannedFault]:
        async def inject(injector: FaultInjector) -> None:
            slots = list(injector.pool.slots)
            for slot in slots:
                injector.pool.arm(slot, point, 1, signal.SIGKILL)
            crashed = await asyncio.gather(
                *(_wait_for_crash(injector.pool, slot) for slot in slots)
            )
            injector.injected[f"SIGKILL {point}"] += sum(crashed)

        return [PlannedFault(0.5, inject)]

    return draw


def _plan_frozen_workers(random: Random) -> list[PlannedFault]:
    return [_plan_freeze(random), _plan_crash_point(random, random.choice(POINTS), signal.SIGSTOP)]


def _plan_broker_restart(random: Random) -> list[PlannedFault]:
    is_clean_restart = random.random() < 0.5

    async def restart(injector: FaultInjector) -> None:
        kafka = injector.pool.servers.kafka
        assert isinstance(kafka, Kafka)
        if not is_clean_restart:
            await asyncio.to_thread(kafka.kill)
        await asyncio.to_thread(kafka.restart)
        injector.injected["broker restarted" if is_clean_restart else "broker killed"] += 1

    return [PlannedFault(random.uniform(0.3, 1.0), restart), _plan_kill(random)]


def _plan_database_outage(random: Random) -> list[PlannedFault]:
    return [_plan_outage(random.uniform(0.5, 2), random.uniform(1.5, 4)), _plan_kill(random)]


def _plan_long_outage(random: Random) -> list[PlannedFault]:
    return [_plan_outage(random.uniform(1, 3), LONG_OUTAGE_S)]


def _plan_members_that_come_and_go(random: Random) -> list[PlannedFault]:
    service, pick_leaver = random.choice(SERVICES), _draw_worker(random)
    stay_s = random.uniform(2, 4)

    async def join(injector: FaultInjector) -> None:
        guest = injector.pool.start_worker(f"{service}-guest", service)
        await asyncio.sleep(stay_s)
        await injector.pool.stop_workers([guest])
        injector.pool.remove(guest)
        injector.injected["joined"] += 1

    async def leave(injector: FaultInjector) -> None:
        slot = pick_leaver(injector.pool)
        await injector.pool.stop_workers([slot])
        injector.pool.start_again([slot])
        injector.injected["SIGTERM"] += 1

    return [PlannedFault(random.uniform(0.5, 2), join), PlannedFault(random.uniform(0.5, 4), leave)]


def _plan_everything(random: Random) -> list[PlannedFault]:
    parts: list[list[PlannedFault]] = [
        [_plan_kill(random)],
        [_plan_crash_point(random, random.choice(POINTS), signal.SIGKILL)],
        [_plan_freeze(random)],
        random.choice(
            (_plan_database_outage, _plan_broker_restart, _plan_members_that_come_and_go)
        )(random),
    ]
    return [planned_fault for part in random.sample(parts, 3) for planned_fault in part]


def _draw_worker(random: Random) -> Callable[[WorkerPool], Slot]:
    """Draw a worker of a service; campaigns are drawn less, since they have less to do."""
    drawn, service = random.random(), random.choices(SERVICES, (3, 3, 3, 1))[0]

    def pick(pool: WorkerPool) -> Slot:
        fitting = [slot for slot in pool.slots if slot.service == service]
        return fitting[int(drawn * len(fitting))]

    return pick


def _plan_kill(random: Random) -> PlannedFault:
    pick = _draw_worker(random)

    async def inject(injector: FaultInjector) -> None:
        injector.injected["SIGKILL"] += injector.pool.kill(pick(injector.pool))

    return PlannedFault(random.uniform(0.2, TRAFFIC_S - 1), inject)


def _plan_crash_point(random: Random, point: str, number: signal.Signals) -> PlannedFault:
    pick, count = _draw_worker(random), random.randint(1, 4)

    async def inject(injector: FaultInjector) -> None:
        slot = pick(injector.pool)
        if injector.pool.is_armed(slot):
            return
        injector.pool.arm(slot, point, count, number)
        if not await _wait_for_crash(injector.pool, slot):
            return
        injector.injected[f"{number.name} {point}"] += 1
        if number is signal.SIGSTOP:
            await asyncio.sleep(FROZEN_S)
            injector.pool.kill(slot, signal.SIGCONT)

    return PlannedFault(random.uniform(0.2, TRAFFIC_S - 1.5), inject)


async def _wait_for_crash(pool: WorkerPool, slot: Slot) -> bool:
    deadline = time.monotonic() + ARMED_S
    while pool.is_armed(slot) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.05)
    return pool.disarm(slot)


def _plan_freeze(random: Random) -> PlannedFault:
    pick = _draw_worker(random)

    async def inject(injector: FaultInjector) -> None:
        slot = pick(injector.pool)
        injector.injected["SIGSTOP"] += injector.pool.kill(slot, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        injector.pool.kill(slot, signal.SIGCONT)

    return PlannedFault(random.uniform(0.5, 3), inject)


def _plan_frozen_server(name: str) -> Callable[[Random], list[PlannedFault]]:
    async def inject(injector: FaultInjector) -> None:
        server = _find_server(injector.pool.servers, name)
        began = time.monotonic()
        freeze(server)
        try:
            await asyncio.sleep(SERVER_FROZEN_S)
        finally:
            thaw(server)
        injector.freezes.append(Freeze(name, began, time.monotonic()))
        injector.injected[f"{name} frozen"] += 1

    return lambda random: [PlannedFault(random.uniform(0.3, TRAFFIC_S - 1), inject)]


def _plan_slow_server(name: str) -> Callable[[Random], list[PlannedFault]]:
    """Freeze a server for 200 of every 250 milliseconds."""

    async def inject(injector: FaultInjector) -> None:
        server = _find_server(injector.pool.servers, name)
        until = time.monotonic() + SERVER_SLOW_S
        try:
            while time.monotonic() < until:
                freeze(server)
                await asyncio.sleep(STOPPED_S)
                thaw(server)
                await asyncio.sleep(RUNNING_S)
        finally:
            thaw(server)
        injector.injected[f"{name} slow"] += 1

    return lambda random: [PlannedFault(random.uniform(0.3, TRAFFIC_S - 1), inject)]


def _find_server(servers: Servers, name: str) -> Guarded:
    server = servers.postgres if name == DATABASE else servers.kafka
    assert server is not None
    assert server.process is not None
    return server.process


def database_away(at_s: float, seconds: float) -> Fault:
    """Return a fault that stops the database after `at_s` and starts it again."""

    async def inject(injector: FaultInjector) -> None:
        database = injector.pool.servers.postgres
        assert database is not None
        assert database.process is not None
        await asyncio.sleep(at_s)
        os.kill(database.process.pid, signal.SIGQUIT)  # its immediate shutdown
        await asyncio.to_thread(database.process.wait, 20.0)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(database.run)
        injector.injected["database stopped"] += 1

    return inject


def broker_away(at_s: float, seconds: float) -> Fault:
    """Return a fault that kills the broker after `at_s` and starts it again."""

    async def inject(injector: FaultInjector) -> None:
        kafka = injector.pool.servers.kafka
        assert isinstance(kafka, Kafka)
        await asyncio.sleep(at_s)
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(kafka.restart)
        injector.injected["broker killed"] += 1

    return inject


def _plan_outage(at_s: float, seconds: float) -> PlannedFault:
    return PlannedFault(at_s, database_away(0, seconds))
