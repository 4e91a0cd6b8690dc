"""The only source of chance of the generated rows, so that one seed means the same rows."""

from math import log
from random import Random


class Dice(Random):
    """Random numbers in the forms that the generator needs."""

    def happens(self, share: float) -> bool:
        """Return true in this share of the calls."""
        return self.random() < share

    def wait(self, median_seconds: float, spread: float) -> float:
        """Return a log-normal time in seconds; with a `spread` of 1, 5 % are over 5 medians."""
        return self.lognormvariate(log(median_seconds), spread)

    def hexadecimal(self, digits: int) -> str:
        """Return so many random hexadecimal digits in capitals."""
        return f"{self.getrandbits(4 * digits):0{digits}X}"
