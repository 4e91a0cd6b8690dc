"""Waits until replayed dead letters are settled, and says what became of each."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.cli import dead_letter_store
from shared.cli.dead_letter_replay import OBSTACLES, Published
from shared.cli.dead_letter_store import Outcome
from shared.cli.errors import CheckFailedError, DependencyFailedError

CHUNK_SIZE = 5_000  # ids in a statement
POLL_SECONDS = 0.25
MAX_LISTED_IDS = 5  # ids in a cell of a table


class Result(StrEnum):
    """What became of a replayed letter."""

    APPLIED = "applied"
    REJECTED = "rejected again"
    UNDER_WAY = "still under way"
    DISCARDED = "discarded meanwhile"
    DELETED = "deleted meanwhile"
    LEFT_OUT = "left out"


RESULTS = {
    "resolved": Result.APPLIED,
    "open": Result.REJECTED,
    "replayed": Result.UNDER_WAY,
    "discarded": Result.DISCARDED,
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one letter; why it was rejected again or left out."""

    id: int
    result: Result
    reason: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class Report:
    """What became of letters, by id."""

    fates: dict[int, Fate] = field(default_factory=dict)

    def count(self, *results: Result) -> int:
        """Return the number of letters with any of these results."""
        return sum(fate.result in results for fate in self.fates.values())


def start_report(published: Published) -> Report:
    """Return the report before anything is settled: all are under way or left out."""
    under_way = [Fate(i, Result.UNDER_WAY) for i in published.ids]
    left_out = [
        Fate(i, Result.LEFT_OUT, obstacle, OBSTACLES[obstacle])
        for i, obstacle in published.left_out.items()
    ]
    return Report({fate.id: fate for fate in (*under_way, *left_out)})


async def wait_for_outcomes(
    engine: AsyncEngine,
    published: Published,
    patience_seconds: float,
    on_settled: Callable[[int], None],
) -> Report:
    """Wait until all replayed letters are settled, or none was for `patience_seconds`."""
    report = start_report(published)
    pending: Sequence[int] = published.ids
    loop = asyncio.get_running_loop()
    last_settled = loop.time()
    while pending:
        settled = await _load_settled(engine, pending)
        report.fates.update(settled)
        if settled:
            pending = [i for i in pending if i not in settled]
            last_settled = loop.time()
            on_settled(len(settled))
        elif loop.time() - last_settled >= patience_seconds:
            break
        if pending:
            await asyncio.sleep(POLL_SECONDS)
    return report


async def _load_settled(engine: AsyncEngine, pending: Sequence[int]) -> dict[int, Fate]:
    settled: dict[int, Fate] = {}
    for start in range(0, len(pending), CHUNK_SIZE):
        ids = pending[start : start + CHUNK_SIZE]
        async with engine.begin() as conn:
            outcomes = await dead_letter_store.load_outcomes(conn, ids)
        settled.update((fate.id, fate) for fate in _judge(ids, outcomes))
    return settled


def _judge(ids: Iterable[int], outcomes: Mapping[int, Outcome]) -> Iterable[Fate]:
    """Yield what became of the letters that are settled."""
    for i in ids:
        outcome = outcomes.get(i)
        if outcome is None:
            yield Fate(i, Result.DELETED)
        elif outcome.status == "open":
            yield Fate(i, Result.REJECTED, outcome.reason, outcome.detail)
        elif outcome.status != "replayed":
            yield Fate(i, RESULTS[outcome.status])


def build_rows(report: Report) -> list[tuple[object, ...]]:
    """Return a row for each result and reason: the number of letters, and the first ids."""
    order = list(Result)

    def key(fate: Fate) -> tuple[int, str]:
        return order.index(fate.result), fate.reason or ""

    rows: list[tuple[object, ...]] = []
    for (_, reason), group in groupby(sorted(report.fates.values(), key=key), key):
        fates = list(group)
        ids = ", ".join(str(fate.id) for fate in fates[:MAX_LISTED_IDS])
        more = " …" if len(fates) > MAX_LISTED_IDS else ""
        rows.append((fates[0].result, reason or "-", len(fates), ids + more))
    return rows


def convert_to_json(report: Report) -> list[dict[str, Any]]:
    """Return what became of each letter, ordered by id; a reason only if there is one."""
    return [
        {"id": fate.id, "outcome": fate.result.replace(" ", "-")}
        | ({"reason": fate.reason, "detail": fate.detail} if fate.reason else {})
        for _, fate in sorted(report.fates.items())
    ]


def check_report(report: Report, *, waited: bool) -> None:
    """Raise CheckFailedError if letters failed, DependencyFailedError if some are under way."""
    total = len(report.fates)
    failed = total - report.count(Result.APPLIED, Result.UNDER_WAY)
    if failed:
        raise CheckFailedError(f"Not applied: {failed:,} of {total:,} letters.")
    if waited and (under_way := report.count(Result.UNDER_WAY)):
        raise DependencyFailedError(
            f"Still under way: {under_way:,} of {total:,} letters; their workers take them when "
            "they run. `chatia dead-letters summary` shows what became of them."
        )
