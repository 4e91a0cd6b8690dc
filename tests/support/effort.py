"""How CPU time grows with the input, measured so that other work on the machine matters little.

The smallest CPU time of several counts, only sizes that take long enough are compared, and what
seems to grow too much is measured again.
"""

import gc
import time
from collections.abc import Callable

ENOUGH_S = 0.002  # shorter times are not compared
LONG_S = 0.12  # sizes stop growing here
TIMES = 4  # a size is compared with four times as much
MOST_GROWTH = 8  # four for what is linear, sixteen for a square

Prepared = Callable[[], object]
Work = Callable[[int], Prepared]  # prepares the work for a size


def spent(prepared: Prepared, repetitions: int) -> float:
    """Return the least CPU seconds of several repetitions; long work is not repeated."""
    gc.disable()  # else a collection over all objects of the tests may be measured
    try:
        first = _once(prepared)
        repeated = range(1, repetitions if first < LONG_S else 1)
        return min([first, *(_once(prepared) for _ in repeated)])
    finally:
        gc.enable()


def growth(work: Work, smallest: int, largest: int, repetitions: int = 1) -> float:
    """Return the largest factor between CPU times of a size and of four times as much.

    0 if no size takes long enough. Sizes grow until one takes long.
    """
    most, before, size = 0.0, 0.0, smallest
    while size <= largest and before < LONG_S:
        now = spent(work(size), repetitions)
        if before >= ENOUGH_S:
            most = max(most, now / before)
        before, size = now, size * TIMES
    return most


def is_linear(work: Work, smallest: int, largest: int) -> bool:
    """Return whether the work grows linearly in one of several attempts."""
    attempts = (1, 3, 3)
    return any(growth(work, smallest, largest, times) < MOST_GROWTH for times in attempts)


def _once(prepared: Prepared) -> float:
    began = time.process_time()
    prepared()
    return time.process_time() - began
