"""Purges go on: every service removes its own rows, so many at a time, until nothing is left."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.record import PurgeProgressed, RecordDeleted
from shared.delivery.subscription import Timer
from shared.records import purge_store, steps
from shared.records.hanging import ready, steps_of
from shared.records.purge_store import Purge

EVERY_MS = 250
IDLE_MS = 1_000  # until one that has begun is seen
MOST_ROWS = 1_000  # in one transaction


def purging(service: str) -> Timer:
    """Take a service's part in purges, in transactions that are short enough for others to pass."""

    async def purge_some(conn: AsyncConnection) -> Sequence[Event] | None:
        facts: list[Event] = []
        stuck: list[DBAPIError] = []
        left = MOST_ROWS
        under_way = await purge_store.under_way(conn)
        for purge in under_way:
            try:
                async with conn.begin_nested():
                    told, rows = await _carry(conn, purge, service, left)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                stuck.append(error)  # the others go on meanwhile
                continue
            facts += told
            left -= rows
            if left <= 0:
                break
        if stuck and left == MOST_ROWS and not facts:
            raise stuck[0]
        return facts if under_way else None

    return Timer("purges", EVERY_MS, purge_some, IDLE_MS)


async def _carry(
    conn: AsyncConnection, purge: Purge, service: str, most: int
) -> tuple[list[Event], int]:
    """Do step after step; one is done when it finds nothing more."""
    counts: Counter[str] = Counter()
    done: list[str] = []
    while counts.total() < most:
        step = ready(purge.root, [*purge.done, *done], service)
        if step is None or (step.name == purge.root and purge.waits):
            break
        rows = await steps.carry(conn, purge.id, purge.root, step, service, most - counts.total())
        if rows:
            counts[step.name] += rows
        else:
            done.append(step.name)
    if not counts and not done:
        return [], 0
    finished = purge.root in done
    removed, at = await purge_store.note(conn, purge, done, counts, finished=finished)
    told: list[Event] = []
    if through := _by_table(purge.root, {n: removed[n] for n in done if n in removed}):
        told.append(PurgeProgressed(**_of_request(purge, at), service=service, removed=through))
    if finished:
        answer = RecordDeleted.model_validate(
            _of_request(purge, at)
            | {"deleted": purge.deleted, "removed": _by_table(purge.root, removed)}
        )
        await purge_store.finish(conn, purge, answer)
        told.append(answer)
    return told, counts.total()


def _of_request(purge: Purge, at: datetime) -> dict[str, Any]:
    return {
        "company_id": purge.company_id,
        "table": purge.name,
        "request_id": purge.request_id,
        "actor": purge.actor,
        "at": at,
    }


def _by_table(root: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Count the rows that went by table, and those that forgot their parent by `table.column`."""
    found: Counter[str] = Counter()
    for step in steps_of(root):
        if step.what == "close" or step.table == "Checkpoints" or step.name not in counts:
            continue
        found[step.name if step.what == "forget" else step.table] += counts[step.name]
    return dict(found)
