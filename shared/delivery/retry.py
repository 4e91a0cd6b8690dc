"""How long to wait before trying again."""

import random

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0


class Backoff:
    """Doubles the wait at every failure up to a cap, with jitter so that workers do not march."""

    def __init__(self, longest_s: float = LONGEST_DELAY_S) -> None:
        self._longest_s = longest_s
        self._failures = 0

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self._failures = 0

    def failed(self) -> float:
        """Give the seconds to wait after one more failure."""
        longest = min(self._longest_s, FIRST_DELAY_S * 2 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
