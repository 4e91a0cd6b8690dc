"""The timer that runs purges: each service deletes its own rows in limited steps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.outcome import RejectWaiting
from shared.contracts.record import PurgeProgressed, RecordDeleted
from shared.delivery.subscription import TimedHandler, Timer
from shared.records import purge_sql, purge_store
from shared.records.purge_steps import count_by_table, find_next_step
from shared.records.purge_store import Purge

INTERVAL_MS = 250
IDLE_INTERVAL_MS = 1_000  # while no purge is open
ROWS_PER_TRANSACTION = 1_000


def build_purge_timer(service: str, when_idle: TimedHandler | None = None) -> Timer:
    """Return the timer of a service's steps; transactions are short, so that batches can run.

    `when_idle` is run while no purge is open: each timer needs connections of its own.
    """

    async def purge_rows(conn: AsyncConnection) -> Sequence[Event | RejectWaiting] | None:
        facts: list[Event] = []
        errors: list[DBAPIError] = []
        left = ROWS_PER_TRANSACTION
        purges = await purge_store.load_open_purges(conn)
        for purge in purges:
            try:
                async with conn.begin_nested():
                    new_facts, rows = await _run_steps(conn, purge, service, left)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                errors.append(error)  # one purge that fails does not stop the others
                continue
            facts += new_facts
            left -= rows
            if left <= 0:
                break
        if errors and left == ROWS_PER_TRANSACTION and not facts:
            raise errors[0]
        if not purges and when_idle is not None:
            return await when_idle(conn)
        return facts if purges else None

    return Timer("purges", INTERVAL_MS, purge_rows, IDLE_INTERVAL_MS)


async def _run_steps(
    conn: AsyncConnection, purge: Purge, service: str, max_rows: int
) -> tuple[list[Event], int]:
    """Run a service's steps and return the facts and the rows; a step without rows is done."""
    counts: Counter[str] = Counter()
    done: list[str] = []
    while counts.total() < max_rows:
        step = find_next_step(purge.root, [*purge.done, *done], service)
        if step is None or (step.name == purge.root and purge.waits):
            break
        left = max_rows - counts.total()
        rows = await purge_sql.run_step(conn, purge.id, purge.root, step, service, left)
        if rows:
            counts[step.name] += rows
        else:
            done.append(step.name)
    if not counts and not done:
        return [], 0
    return await _save_progress(conn, purge, service, done, counts), counts.total()


async def _save_progress(
    conn: AsyncConnection, purge: Purge, service: str, done: list[str], counts: Mapping[str, int]
) -> list[Event]:
    """Save what a service did; return the facts for the steps that are done."""
    finished = purge.root in done
    removed, at = await purge_store.save_progress(conn, purge, done, counts, finished=finished)
    facts: list[Event] = []
    if of_done := count_by_table(purge.root, {n: removed[n] for n in done if n in removed}):
        request = _list_request_fields(purge, at)
        facts.append(PurgeProgressed(**request, service=service, removed=of_done))
    if finished:
        deleted = {"deleted": purge.deleted, "removed": count_by_table(purge.root, removed)}
        answer = RecordDeleted.model_validate(_list_request_fields(purge, at) | deleted)
        await purge_store.finish(conn, purge, answer)
        facts.append(answer)
    return facts


def _list_request_fields(purge: Purge, at: datetime) -> dict[str, Any]:
    return {
        "company_id": purge.company_id,
        "table": purge.name,
        "request_id": purge.request_id,
        "actor": purge.actor,
        "at": at,
    }
