"""A pool of worker processes that are started, killed or frozen, and started again."""

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
from shared.embedded.ready import find_free_ports
from shared.embedded.servers import Servers
from shared.settings import DatabaseSettings
from tests.support.sources import ROOT

WATCH_S = 0.1
STOP_WITHIN_S = 20.0
CLEAN_EXITS = (0, 128 + signal.SIGTERM)  # the second if SIGTERM came before the worker had started
SERVICES = ("contacts", "tickets", "messages", "campaigns")
WITH_WEBHOOKS = "messages"
SIZES = ("7", "60", "2000")  # records in a transaction; each start of a worker takes one
WEBHOOK_SECRET = "the secret of these rounds"  # noqa: S105 - made up here
NOISY_TIMES = "0.5"  # so low that nearly every company is noisy under load


@dataclass(slots=True)
class Slot:
    """One process of a service; `wanted` says whether it should run. Port 0 is none."""

    name: str
    service: str
    health_port: int = 0
    webhook_port: int = 0
    process: Guarded | None = None
    wanted: bool = True
    starts: int = 0
    log_begins: int = 0
    is_exit_expected: bool = False

    @property
    def has_partitions(self) -> bool:
        """Whether the process has logged an assignment of partitions."""
        if self.process is None:
            return False
        with self.process.log_path.open("rb") as log:
            log.seek(self.log_begins)
            return b"partitions.assigned" in log.read()

    @property
    def pid(self) -> int:
        """The pid of the worker; 0 if it does not run."""
        return self.process.pid if self.process and self.process.poll() is None else 0


@dataclass(slots=True)
class WorkerPool:
    """The workers on these servers; `deaths` counts the processes that ended unexpectedly."""

    servers: Servers
    seeded_bug: str | None = None
    slots: list[Slot] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)

    def start_worker(self, name: str, service: str) -> Slot:
        """Start one more worker."""
        health_port, webhook_port = find_free_ports(2)
        slot = Slot(name, service, health_port, webhook_port if service == WITH_WEBHOOKS else 0)
        self.slots.append(slot)
        self._start(slot)
        return slot

    def start_services(self, processes: int) -> None:
        """Start so many processes of each service."""
        for number in range(1, processes + 1):
            for service in SERVICES:
                self.start_worker(f"{service}-{number}", service)

    async def wait_until_assigned(self, limit_s: float) -> bool:
        """Wait until every process has logged an assignment; return whether all have in time."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if all(slot.has_partitions for slot in self.slots):
                return True
            await asyncio.sleep(WATCH_S)
        return False

    async def watch(self) -> None:
        """Start dead workers again, until cancelled."""
        while True:
            self.restart_dead()
            await asyncio.sleep(WATCH_S)

    def restart_dead(self) -> None:
        """Start each wanted worker that does not run."""
        for slot in self.slots:
            if slot.wanted and not slot.pid:
                if slot.process and not slot.is_exit_expected:
                    self.deaths[f"exit {slot.process.poll()}"] += 1
                self._start(slot)

    def kill(self, slot: Slot, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to a worker; return whether it ran."""
        pid = slot.pid
        if not pid:
            return False
        slot.is_exit_expected = number != signal.SIGCONT
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def arm(self, slot: Slot, point: str, count: int, number: signal.Signals) -> None:
        """Arm a crash point: the process gets the signal when it reaches it the n-th time."""
        slot.is_exit_expected = True
        order = {"id": uuid.uuid4().hex, "point": point, "count": count, "signal": number}
        draft = self.get_crash_order_path(slot).with_suffix(".draft")
        draft.write_text(json.dumps(order), "utf-8")
        draft.replace(self.get_crash_order_path(slot))

    def disarm(self, slot: Slot) -> bool:
        """Disarm the crash point; return whether it had been reached before."""
        try:
            self.get_crash_order_path(slot).unlink()
        except FileNotFoundError:
            return True
        return False

    def get_crash_order_path(self, slot: Slot) -> Path:
        """Return the file that holds the armed crash point of a process."""
        return self.servers.state / f"orders-{slot.name}.json"

    def is_armed(self, slot: Slot) -> bool:
        """Return whether a crash point is armed and was not reached."""
        return self.get_crash_order_path(slot).exists()

    async def stop_workers(self, slots: Sequence[Slot]) -> None:
        """Stop workers with SIGTERM; unclean exits are counted as deaths."""
        leaving = [slot.process for slot in slots if slot.pid and slot.process]
        for slot in slots:
            slot.wanted = False
        codes = await asyncio.gather(*(asyncio.to_thread(p.stop, STOP_WITHIN_S) for p in leaving))
        self.deaths.update(f"SIGTERM, exit {code}" for code in codes if code not in CLEAN_EXITS)

    def start_again(self, slots: Sequence[Slot]) -> None:
        """Start workers again that were stopped."""
        for slot in slots:
            slot.wanted, slot.is_exit_expected = True, True
        self.restart_dead()

    def remove(self, slot: Slot) -> None:
        """Remove the slot of a stopped worker."""
        self.slots.remove(slot)

    def kill_all(self) -> None:
        """Kill all processes, also frozen ones."""
        for slot in self.slots:
            slot.wanted = False
            if slot.process:
                slot.process.kill()

    def _start(self, slot: Slot) -> None:
        slot.starts += 1
        slot.is_exit_expected = False
        log = self.servers.state / "logs" / f"{slot.name}.log"
        slot.log_begins = log.stat().st_size if log.exists() else 0
        module = [sys.executable, "-m", "tests.faults.wrapped_worker", slot.service]
        argv = [*module, "--orders", str(self.get_crash_order_path(slot))]
        argv += ["--seeded-bug", self.seeded_bug] if self.seeded_bug else []
        slot.process = self.servers.spawn(slot.name, argv, self._environment(slot))

    def _environment(self, slot: Slot) -> Mapping[str, str]:
        database = DatabaseSettings.model_validate({"DATABASE_URL": self.servers.database_url})
        return {
            **roles.build_environment(database, slot.service, self.servers.role_passwords),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "",
            "CHATIA_HEALTH_PORT": str(slot.health_port),
            "CHATIA_WEBHOOK_PORT": str(slot.webhook_port),
            "CHATIA_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "CHATIA_NOISY_TIMES": NOISY_TIMES,
            "CHATIA_BATCH_RECORDS": SIZES[(compute_hash(slot.name) + slot.starts) % len(SIZES)],
        }


def compute_hash(name: str) -> int:
    """Return a number that is equal in every process, unlike `hash`."""
    return sum(name.encode())
