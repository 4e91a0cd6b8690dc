"""The worker processes: started, watched, started again when they die, and harmed on demand."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.db import roles
from shared.embedded.processes import Guarded
from shared.embedded.servers import Servers
from shared.settings import DatabaseSettings
from tests.support.sources import ROOT

WATCH_S = 0.1
LEAVE_S = 20.0
LEFT = (0, 128 + signal.SIGTERM)  # the second where it was asked before it had started
BASE = ("contacts", "tickets", "messages", "campaigns")
SIZES = ("7", "60", "2000")  # records in a transaction: a worker has one of these for its life
NOISY_TIMES = "0.5"  # nearly every company is noisy as soon as the way is crowded


@dataclass(slots=True)
class Slot:
    """A place for one process of a service; `wanted` says whether it is to be there."""

    name: str
    service: str
    process: Guarded | None = None
    wanted: bool = True
    starts: int = 0
    log_begins: int = 0
    awaited_death: bool = False

    @property
    def has_partitions(self) -> bool:
        """Whether the process has said that it was given partitions."""
        if self.process is None:
            return False
        with self.process.log_path.open("rb") as log:
            log.seek(self.log_begins)
            return b"partitions.assigned" in log.read()

    @property
    def pid(self) -> int:
        """The worker's own pid; 0 where it does not run."""
        return self.process.pid if self.process and self.process.poll() is None else 0


@dataclass(slots=True)
class Crew:
    """All workers on these servers; `deaths` counts the processes that ended unexpectedly."""

    servers: Servers
    plant: str | None = None
    slots: list[Slot] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)

    def hire(self, name: str, service: str) -> Slot:
        """Start one more worker."""
        slot = Slot(name, service)
        self.slots.append(slot)
        self._start(slot)
        return slot

    def hire_base(self, processes: int) -> None:
        """Start so many processes of each service."""
        for number in range(1, processes + 1):
            for service in BASE:
                self.hire(f"{service}-{number}", service)

    async def is_at_work(self, limit_s: float) -> bool:
        """Wait until every process has said that it was given partitions."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if all(slot.has_partitions for slot in self.slots):
                return True
            await asyncio.sleep(WATCH_S)
        return False

    async def watch(self) -> None:
        """Start again what died, until cancelled."""
        while True:
            self.revive()
            await asyncio.sleep(WATCH_S)

    def revive(self) -> None:
        """Start again what should be there and is not."""
        for slot in self.slots:
            if slot.wanted and not slot.pid:
                if slot.process and not slot.awaited_death:
                    self.deaths[f"exit {slot.process.poll()}"] += 1
                self._start(slot)

    def kill(self, slot: Slot, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to the worker itself; says whether there was one."""
        pid = slot.pid
        if not pid:
            return False
        slot.awaited_death = number != signal.SIGCONT
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def order(self, slot: Slot, point: str, count: int, number: signal.Signals) -> None:
        """Set the slot's trap: at this passing of this point the process gets this signal."""
        slot.awaited_death = True
        order = {"id": uuid.uuid4().hex, "point": point, "count": count, "signal": number}
        draft = self.orders(slot).with_suffix(".draft")
        draft.write_text(json.dumps(order), "utf-8")
        draft.replace(self.orders(slot))

    def take_back(self, slot: Slot) -> bool:
        """Take back an order; says whether it had been carried out before."""
        try:
            self.orders(slot).unlink()
        except FileNotFoundError:
            return True
        return False

    def orders(self, slot: Slot) -> Path:
        """Name the file that the slot's process reads its orders from."""
        return self.servers.state / f"orders-{slot.name}.json"

    def is_ordered(self, slot: Slot) -> bool:
        """Whether the slot's trap is armed and has not struck."""
        return self.orders(slot).exists()

    async def dismiss(self, slots: Sequence[Slot]) -> None:
        """Ask workers to leave as an operator does; one that fails at it is counted."""
        leaving = [slot.process for slot in slots if slot.pid and slot.process]
        for slot in slots:
            slot.wanted = False
        codes = await asyncio.gather(*(asyncio.to_thread(p.stop, LEAVE_S) for p in leaving))
        self.deaths.update(f"SIGTERM, exit {code}" for code in codes if code not in LEFT)

    def recall(self, slots: Sequence[Slot]) -> None:
        """Want dismissed workers again."""
        for slot in slots:
            slot.wanted, slot.awaited_death = True, True
        self.revive()

    def drop(self, slot: Slot) -> None:
        """Forget a slot whose worker has left."""
        self.slots.remove(slot)

    def end(self) -> None:
        """End all at once, frozen ones too."""
        for slot in self.slots:
            slot.wanted = False
            if slot.process:
                slot.process.kill()

    def _start(self, slot: Slot) -> None:
        slot.starts += 1
        slot.awaited_death = False
        log = self.servers.state / "logs" / f"{slot.name}.log"
        slot.log_begins = log.stat().st_size if log.exists() else 0
        module = [sys.executable, "-m", "tests.faults.wrapped_worker", slot.service]
        argv = [*module, "--orders", str(self.orders(slot))]
        argv += ["--plant", self.plant] if self.plant else []
        slot.process = self.servers.spawn(slot.name, argv, self._environment(slot))

    def _environment(self, slot: Slot) -> Mapping[str, str]:
        database = DatabaseSettings.model_validate({"DATABASE_URL": self.servers.database_url})
        return {
            **roles.environment(database, slot.service, self.servers.role_passwords),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "",
            "CHATIA_NOISY_TIMES": NOISY_TIMES,
            "CHATIA_BATCH_RECORDS": SIZES[(hash_of(slot.name) + slot.starts) % len(SIZES)],
        }


def hash_of(name: str) -> int:
    """Give a number that is the same in every process, unlike `hash`."""
    return sum(name.encode())
