"""Deletes what a company no longer keeps: each service its own rows, in the timer of purges.

A portion of rows is one short transaction: found by an index, locked, deleted with what depends on
them, and counted. So it can be stopped at any time, and goes on where it was.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.record import RecordDeleted
from shared.delivery.subscription import TimedHandler
from shared.records import purge_sql, retention_store
from shared.records.purge_sql import Listed
from shared.records.purge_steps import PurgeStep, build_steps, count_by_table
from shared.records.retention_store import (
    MESSAGES,
    PORTION,
    TICKETS,
    NewRetentionPurge,
    Progress,
    RetentionPurge,
)
from shared.retention import find_cutoffs, name_daily_purge
from shared.schema import OWNERS

ROWS_PER_STEP = 1_000


def build_retention(service: str) -> TimedHandler:
    """Return what the service that owns messages, or tickets, does while no purge is open."""
    (table,) = (name for name in (MESSAGES, TICKETS) if OWNERS[name] == service)

    async def delete_old_rows(conn: AsyncConnection) -> Sequence[Event] | None:
        deleted = await delete_portions(conn, table)
        if deleted is None:
            now = (await conn.execute(retention_store.NOW)).scalar_one()
            await begin_daily(conn, table, now)
        return deleted

    return delete_old_rows


async def begin_daily(conn: AsyncConnection, table: str, now: datetime) -> None:
    """Begin the day's purges of the companies that have a limit for this table."""
    request_id = name_daily_purge(now)
    due = await retention_store.load_due(conn, table, request_id)
    cutoffs = [(company, find_cutoffs(retention, now)) for company, retention in due]
    times = [
        (company, each.messages if table == MESSAGES else each.closed_tickets)
        for company, each in cutoffs
    ]
    await retention_store.begin(
        conn,
        [
            NewRetentionPurge(company, table, request_id, None, older_than)
            for company, older_than in times
            if older_than is not None
        ],
    )
    if due and table == TICKETS:  # this service may delete purges
        await retention_store.forget_finished(conn, now)


async def delete_portions(conn: AsyncConnection, table: str) -> Sequence[Event] | None:
    """Delete one portion of rows; return a fact for each purge that ended, None if all have.

    Nothing is deleted while a worker is behind.
    """
    purges = await retention_store.load_open(conn, table)
    if not purges or await retention_store.is_ingest_late(conn):
        return None
    facts: list[Event] = []
    left = PORTION[table]
    for purge in purges:
        ended, deleted = await _delete_portion(conn, table, purge)
        facts += ended
        left -= deleted
        if left <= 0:
            break
    return facts


async def _delete_portion(
    conn: AsyncConnection, table: str, purge: RetentionPurge
) -> tuple[list[Event], int]:
    portion = await retention_store.find_portion(conn, table, purge)
    locked = await retention_store.lock(conn, table, purge, portion.ids)
    progress = Progress(await _delete(conn, table, purge, locked))
    if len(locked) == len(portion.ids):
        progress.reached_at, progress.reached_id = portion.last_at, portion.last_id
        progress.is_finished = portion.last_at is None
    else:  # somebody has locked a row: the next portion begins at the same place
        progress.reached_at, progress.reached_id = purge.reached_at, purge.reached_id
    removed, at = await retention_store.save(conn, purge, progress)
    if not (progress.is_finished and removed):
        return [], len(locked)
    answer = RecordDeleted(
        company_id=purge.company_id,
        table=table,
        request_id=purge.request_id,
        actor=purge.actor,
        at=at,
        removed=removed,
    )
    return [answer], len(locked)


async def _delete(
    conn: AsyncConnection, table: str, purge: RetentionPurge, ids: Sequence[int]
) -> dict[str, int]:
    """Delete rows with what depends on them; return the numbers by table."""
    if not ids:
        return {}
    counts: Counter[str] = Counter()
    listed = Listed(purge.company_id, ids)
    for step in list_own_steps(table):
        counts[step.name] += await _run(conn, table, purge, step, listed)
    return {name: rows for name, rows in count_by_table(table, counts).items() if rows}


def list_own_steps(table: str) -> list[PurgeStep]:
    """Return the steps of the table's owner.

    Tickets are closed and have no messages. What else other services have of them only loses its
    reference, by the foreign key.
    """
    return [
        step
        for step in build_steps(table)
        if step.owner == OWNERS[table] and step.action != "close"
    ]


async def _run(
    conn: AsyncConnection, table: str, purge: RetentionPurge, step: PurgeStep, listed: Listed
) -> int:
    if step.is_by_function:
        return await retention_store.delete_tickets(conn, purge, listed.ids)
    in_all = 0
    while True:
        rows = await purge_sql.run_listed_step(conn, purge.id, table, step, listed, ROWS_PER_STEP)
        in_all += rows
        if rows < ROWS_PER_STEP:
            return in_all
