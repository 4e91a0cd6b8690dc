"""How the work of a function grows with its input, measured so that a busy machine changes nothing.

Processor time is measured, not time; the smallest of several is taken; a size is only compared
where it takes long enough to be measured; and what seems to grow too much is measured again.
"""

import gc
import time
from collections.abc import Callable

ENOUGH_S = 0.002  # what takes less is too short to be compared
LONG_S = 0.12  # what takes longer is large enough
TIMES = 4  # a size is compared with four times as much
MOST_GROWTH = 8  # four for what is linear, sixteen for a square

Prepared = Callable[[], object]
Work = Callable[[int], Prepared]  # prepares the work for a size


def spent(prepared: Prepared, repetitions: int) -> float:
    """Measure the least processor time of several repetitions; what takes long is not repeated."""
    gc.disable()  # else all that the tests hold is looked through again, at any moment
    try:
        first = _once(prepared)
        repeated = range(1, repetitions if first < LONG_S else 1)
        return min([first, *(_once(prepared) for _ in repeated)])
    finally:
        gc.enable()


def growth(work: Work, smallest: int, largest: int, repetitions: int = 1) -> float:
    """Tell by how much the work grows at most with four times the size; 0 where it is never long.

    Sizes grow until one takes long, so what is a square is found while it is small.
    """
    most, before, size = 0.0, 0.0, smallest
    while size <= largest and before < LONG_S:
        now = spent(work(size), repetitions)
        if before >= ENOUGH_S:
            most = max(most, now / before)
        before, size = now, size * TIMES
    return most


def is_linear(work: Work, smallest: int, largest: int) -> bool:
    """Tell whether the work grows no faster than its size, in one of several attempts."""
    attempts = (1, 3, 3)
    return any(growth(work, smallest, largest, times) < MOST_GROWTH for times in attempts)


def _once(prepared: Prepared) -> float:
    began = time.process_time()
    prepared()
    return time.process_time() - began
