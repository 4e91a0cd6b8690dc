"""Delays between attempts."""

import random

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0


class Backoff:
    """A delay that doubles at every failure up to a limit, with jitter to spread workers."""

    def __init__(self, longest_s: float = LONGEST_DELAY_S) -> None:
        self._longest_s = longest_s
        self._failures = 0

    def reset(self) -> None:
        """Begin again with the shortest delay, after a success."""
        self._failures = 0

    def lengthen(self) -> float:
        """Return the delay in seconds after one more failure."""
        longest = min(self._longest_s, FIRST_DELAY_S * 2 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter is not a secret
