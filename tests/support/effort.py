"""How the work of a function grows with its input, measured so that a busy machine changes nothing.

Processor time is measured, not time; the smallest of several is taken; a size is only compared
where it takes long enough to be measured; and what seems to grow too much is measured again.
"""

import gc
import time
from collections.abc import Callable

ENOUGH_S = 0.002  # what takes less is too short to be compared
TIMES = 4  # a size is compared with four times as much
MOST_GROWTH = 8  # four for what is linear, sixteen for a square
ATTEMPTS = 3

Prepared = Callable[[], object]
Work = Callable[[int], Prepared]  # prepares the work for a size


def spent(prepared: Prepared, repetitions: int = 3) -> float:
    """Measure the least processor time of several repetitions."""
    gc.disable()  # else all that the tests hold is looked through again, at any moment
    try:
        return min(_once(prepared) for _ in range(repetitions))
    finally:
        gc.enable()


def growth(work: Work, smallest: int, largest: int) -> float:
    """Tell by how much the work grows with four times the size; 0 where it is never long.

    Sizes grow until one takes long enough, so what is a square is found while it is small.
    """
    size = smallest
    while (short := spent(work(size), 1)) < ENOUGH_S:
        size *= TIMES
        if size * TIMES > largest:
            return 0
    return spent(work(size * TIMES), 1 if short > 1 else 3) / spent(work(size))


def is_linear(work: Work, smallest: int, largest: int) -> bool:
    """Tell whether the work grows no faster than its size, in one of several attempts."""
    return any(growth(work, smallest, largest) < MOST_GROWTH for _ in range(ATTEMPTS))


def _once(prepared: Prepared) -> float:
    began = time.process_time()
    prepared()
    return time.process_time() - began
