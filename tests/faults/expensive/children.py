"""Child processes that measure payloads; one that takes too long is killed and replaced."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Protocol

from tests.faults.expensive.measuring import Cost, CostMeter
from tests.faults.expensive.payloads import Recipe, build_payload
from tests.support.any_records import AnyRecord

HARD_STOP_S = 20.0
MOST_OF_A_CHILD = 10_000  # payloads; then its memory is freed with the process

KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Measured:
    """A recipe, the bytes of its record, and its cost."""

    recipe: Recipe
    size: int
    cost: Cost


class Search(Protocol):
    """Chooses what to measure next, from what was measured."""

    def get_next(self) -> tuple[Recipe, bool] | None:
        """Return the next recipe and whether memory is traced; None after the last one."""

    def learn(self, measured: Measured) -> None:
        """Add a measurement."""


def work(pipe: Connection, seeded_bug: str) -> None:
    """Measure payloads from the pipe until it is closed; `seeded_bug` is MODULE:FUNCTION."""
    if seeded_bug:
        module, _, name = seeded_bug.partition(":")
        getattr(import_module(module), name)()
    scale = CostMeter()
    pipe.send(None)
    while True:
        try:
            recipe, traced = pipe.recv()
        except EOFError:
            return
        made = build_payload(recipe)
        size = sum(map(len, _contents(made.record)))
        with suppress(BrokenPipeError):  # the parent has ended
            pipe.send(size)
            pipe.send(Measured(recipe, size, scale.measure_cost(made, traced=traced)))


def _contents(record: AnyRecord) -> Iterator[bytes]:
    yield record.key or b""
    yield record.value or b""
    for name, value in record.headers:
        yield name
        yield value or b""


class _Child:
    """A process, the payload that it measures, and since when."""

    def __init__(self, seeded_bug: str) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, seeded_bug), daemon=True)
        self._process.start()
        theirs.close()
        self.pipe.recv()
        self.recipe: Recipe | None = None
        self.size = 0
        self.began = 0.0
        self.done = 0

    def ask(self, recipe: Recipe, *, traced: bool) -> None:
        self.recipe, self.size, self.began = recipe, 0, time.monotonic()
        self.pipe.send((recipe, traced))

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def measure(
    search: Search,
    count: int,
    seeded_bug: str = "",
    stop: Callable[[], bool] = bool,
    hard_stop_s: float = HARD_STOP_S,
) -> None:
    """Measure all payloads of a search in so many processes, and end them."""
    children = [_Child(seeded_bug) for _ in range(count)]
    try:
        idle = list(children)
        while True:
            while idle and not stop() and (asked := search.get_next()):
                idle.pop().ask(asked[0], traced=asked[1])
            busy = [child for child in children if child.recipe]
            if not busy:
                return
            connection.wait([child.pipe for child in busy], timeout=1.0)
            for child in busy:
                answer = _poll_child(child, hard_stop_s)
                if answer is None:
                    continue
                search.learn(answer)
                if answer.cost.end.startswith(KILLED) or child.done >= MOST_OF_A_CHILD:
                    child.end()
                    children.remove(child)
                    child = _Child(seeded_bug)  # noqa: PLW2901 - another takes its place
                    children.append(child)
                idle.append(child)
    finally:
        for child in children:
            child.end()


def _poll_child(child: _Child, hard_stop_s: float) -> Measured | None:
    """Return a child's measurement, also if it took too long or died; None while it runs."""
    assert child.recipe
    while child.pipe.poll():
        try:
            found = child.pipe.recv()
        except EOFError:
            return _build_killed(child, f"{KILLED}: the process has died")
        if isinstance(found, Measured):
            child.recipe = None
            child.done += 1
            return found
        child.size = found
    if time.monotonic() - child.began > hard_stop_s:
        return _build_killed(child, f"{KILLED} after {hard_stop_s:g} s")
    return None


def _build_killed(child: _Child, end: str) -> Measured:
    assert child.recipe
    recipe, child.recipe = child.recipe, None
    return Measured(recipe, child.size, Cost(time.monotonic() - child.began, 0, end))
