"""What a worker says of itself: that it works, what it waits for, or what it had to stop."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

STUCK_S = 180.0  # a batch takes less, also one that waits for locks and for acknowledgements
OK = "ok"
DATABASE, KAFKA, US = "the database", "Kafka", "a fault of ours to be mended"


def worst(statuses: Iterable[str]) -> str:
    """Give the first status that is not ok, or ok."""
    return next((status for status in statuses if status != OK), OK)


class Health:
    """One worker's condition, for its log, its probes and its operator."""

    def __init__(self) -> None:
        self._waits_for = ""
        self._since: datetime | None = None
        self._stopped: dict[str, str] = {}
        self._last_work = self._last_turn = time.monotonic()

    @property
    def is_turning(self) -> bool:
        """Tell whether batches end, be it in failure."""
        return time.monotonic() - self._last_turn < STUCK_S

    @property
    def status(self) -> str:
        """Give `ok`, or `degraded: waiting for the database since 2026-08-20T12:00:00Z`.

        What an operator has to decide follows as `stopped: …`, the first of it in full.
        """
        troubles = []
        if self._since is not None:
            troubles.append(f"waiting for {self._waits_for} since {self._since:%Y-%m-%dT%H:%M:%SZ}")
        if self._stopped:
            more = f" (and {len(self._stopped) - 1} more)" if len(self._stopped) > 1 else ""
            troubles.append(f"stopped: {next(iter(self._stopped.values()))}{more}")
        return f"degraded: {'; '.join(troubles)}" if troubles else OK

    @property
    def idle_s(self) -> float:
        """Seconds since something was last carried through."""
        return time.monotonic() - self._last_work

    def turned(self) -> None:
        """Note that no batch is in hand."""
        self._last_turn = time.monotonic()

    def waits_for(self, what: str) -> bool:
        """Note what is waited for; tells whether this is news."""
        if self._waits_for == what:
            return False
        self._waits_for, self._since = what, datetime.now(UTC)
        return True

    def works(self) -> bool:
        """Note that work goes on; tells whether it had been waiting."""
        waited = self._since is not None
        self._waits_for, self._since = "", None
        self._last_work = time.monotonic()
        return waited

    def stopped(self, what: str, sentence: str) -> bool:
        """Note that something stands still until an operator decides; tells whether it is news."""
        news = self._stopped.get(what) != sentence
        self._stopped[what] = sentence
        return news

    def goes_on(self, what: str) -> bool:
        """Note that something goes on; tells whether it had been stopped."""
        return self._stopped.pop(what, None) is not None
