"""Detects tenants that send far more records than the others.

Pure: the time is an argument; no Kafka, no database.
"""

from collections import Counter, deque

WINDOW_S = 10
FEW_RECORDS = 200  # records in the window; a tenant with fewer is never noisy


class NoisyTenantDetector:
    """Counts the records of each tenant that this process received in the last seconds.

    A tenant is noisy if it has more than `FEW_RECORDS` and more than `times` the average of the
    others. A single tenant is never noisy; with `times` 0 no tenant is.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        self._seconds: deque[tuple[int, Counter[str]]] = deque()
        self._total: Counter[str] = Counter()

    def count(self, records: Counter[str], now_s: float) -> None:
        """Add numbers of records by tenant key."""
        self._forget(now_s)
        if not self._seconds or self._seconds[-1][0] != int(now_s):
            self._seconds.append((int(now_s), Counter()))
        self._seconds[-1][1].update(records)
        self._total.update(records)

    def find_noisy(self, now_s: float) -> frozenset[str]:
        """Return the keys of noisy tenants."""
        self._forget(now_s)
        others = len(self._total) - 1
        if not self._times or others < 1:
            return frozenset()
        whole = self._total.total()
        return frozenset(
            tenant_key
            for tenant_key, count in self._total.items()
            if count > FEW_RECORDS and count * others > self._times * (whole - count)
        )

    def _forget(self, now_s: float) -> None:
        while self._seconds and self._seconds[0][0] <= now_s - WINDOW_S:
            self._total -= self._seconds.popleft()[1]
