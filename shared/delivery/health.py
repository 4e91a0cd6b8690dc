"""What a worker says of itself: that it works, or what it waits for, and since when."""

import time
from datetime import UTC, datetime

DATABASE, KAFKA, US = "the database", "Kafka", "a fault of ours to be mended"


class Health:
    """One worker's condition, for its log, its probes and its operator."""

    def __init__(self) -> None:
        self._waits_for = ""
        self._since: datetime | None = None
        self._last_work = time.monotonic()

    @property
    def status(self) -> str:
        """Give `ok`, or `degraded: waiting for the database since 2026-08-20T12:00:00Z`."""
        if self._since is None:
            return "ok"
        return f"degraded: waiting for {self._waits_for} since {self._since:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def idle_s(self) -> float:
        """Seconds since something was last carried through."""
        return time.monotonic() - self._last_work

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
