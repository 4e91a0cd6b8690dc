"""The health status of a worker: ok, waiting for a server, or with halted partitions."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

STUCK_S = 180.0  # longer than any batch takes, including waits for locks and acknowledgements
WORKING = "ok"  # the status of a worker that works
STARTING = "starting: its group has not assigned partitions yet"


class WaitsFor(StrEnum):
    """What a worker waits for; the values are part of the status text."""

    DATABASE = "the database"
    KAFKA = "Kafka"
    INTERNAL_ERROR = "an internal error to be fixed"
    RECOVERY = "`chatia db recover --finish`, as the database is another one"


def find_worst(statuses: Iterable[str]) -> str:
    """Return the first status that is not `ok`, else `ok`."""
    return next((status for status in statuses if status != WORKING), WORKING)


class Health:
    """The state behind a worker's status: what it waits for, and what it has halted."""

    def __init__(self) -> None:
        self._waits_for: WaitsFor | None = None
        self._waits_since: datetime | None = None
        self._halted: dict[str, str] = {}
        self._last_work = self._last_turn = time.monotonic()

    @property
    def is_making_progress(self) -> bool:
        """Return whether a batch ended, or none was running, in the last 180 seconds."""
        return time.monotonic() - self._last_turn < STUCK_S

    @property
    def status(self) -> str:
        """Return `ok`, or `degraded: waiting for the database since 2026-08-20T12:00:00Z`.

        What an operator has to decide follows as `stopped: …`, the first of it in full.
        """
        problems = []
        if self._waits_since is not None:
            since = f"{self._waits_since:%Y-%m-%dT%H:%M:%SZ}"
            problems.append(f"waiting for {self._waits_for} since {since}")
        if self._halted:
            more = f" (and {len(self._halted) - 1} more)" if len(self._halted) > 1 else ""
            problems.append(f"stopped: {next(iter(self._halted.values()))}{more}")
        return f"degraded: {'; '.join(problems)}" if problems else WORKING

    @property
    def waits_for(self) -> WaitsFor | None:
        """What the worker waits for, if it does."""
        return self._waits_for

    @property
    def halted(self) -> Mapping[str, str]:
        """What is halted until an operator decides, each with its problem."""
        return dict(self._halted)

    @property
    def idle_s(self) -> float:
        """Return the seconds since a batch last took effect."""
        return time.monotonic() - self._last_work

    def note_loop_iteration(self) -> None:
        """Note that no batch is being processed now."""
        self._last_turn = time.monotonic()

    def note_waiting(self, waits_for: WaitsFor) -> bool:
        """Note what the worker waits for; return whether that is new."""
        if self._waits_for == waits_for:
            return False
        self._waits_for, self._waits_since = waits_for, datetime.now(UTC)
        return True

    def note_work(self) -> bool:
        """Note that a batch was committed; return whether the worker had been waiting."""
        has_waited = self._waits_since is not None
        self._waits_for, self._waits_since = None, None
        self._last_work = time.monotonic()
        return has_waited

    def note_halted(self, name: str, problem: str) -> bool:
        """Note that something is halted until an operator decides; return whether that is new."""
        is_new = self._halted.get(name) != problem
        self._halted[name] = problem
        return is_new

    def note_resumed(self, name: str) -> bool:
        """Note that something is no longer halted; return whether it had been."""
        return self._halted.pop(name, None) is not None
