"""Handles the requests to save and delete rows of one service's tables."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.record import (
    PurgeBegun,
    PurgeProgressed,
    RecordChanged,
    RecordDeleted,
    RecordRefused,
    RecordSaved,
)
from shared.contracts.record_request import DELETES, SAVES, RecordDelete, RecordRequest, Row
from shared.db.errors import is_data_error
from shared.delivery.subscription import Handler, Subscription
from shared.records import purge_store, requested_rows, rules, store
from shared.records.conflicts import describe_conflict
from shared.records.models import InvalidRowError, check_row
from shared.records.protected_columns import PLAN_LIMITS
from shared.records.requested_rows import KnownRows, RequestedRow
from shared.records.rules import Applied, Plan, Refused
from shared.records.tables import RecordTable, get_tables, group_keys

ATTEMPTS = 2
FACTS: tuple[type[RecordChanged], ...] = (
    RecordSaved,
    RecordDeleted,
    RecordRefused,
    PurgeBegun,
    PurgeProgressed,
)


def build_record_subscription(owner: str) -> Subscription:
    """Return the subscription of a service to requests about its tables."""
    return Subscription((SAVES[owner], DELETES[owner]), _build_handler(owner))


def _build_handler(owner: str) -> Handler:
    async def apply_records(conn: AsyncConnection, batch: Sequence[RecordRequest]) -> Outcome:
        """Save and delete rows, in runs of equal request types, and emit each request's answer."""
        outcome: Outcome = []
        for deletes, run in groupby(batch, lambda request: isinstance(request, RecordDelete)):
            outcome += await _apply_with_retry(conn, owner, list(run), deletes=deletes)
        return outcome

    return apply_records


async def _apply_with_retry(
    conn: AsyncConnection, owner: str, run: Sequence[RecordRequest], *, deletes: bool
) -> Outcome:
    """Apply requests; a single one that the database rejects twice is refused with its message.

    The first rejection may be caused by a concurrent transaction.
    """
    for attempt in range(ATTEMPTS):
        try:
            async with conn.begin_nested():
                return await _apply(conn, owner, run, deletes=deletes)
        except DBAPIError as error:
            if len(run) > 1 or not is_data_error(error):
                raise
            if attempt + 1 == ATTEMPTS:
                refused = Refused(run[0], describe_conflict(error), None)
                return [Emit(run[0], _build_fact(refused, await store.read_now(conn)))]
    raise AssertionError


async def _apply(
    conn: AsyncConnection, owner: str, run: Sequence[RecordRequest], *, deletes: bool
) -> Outcome:
    requests, rejects = await _reject_unknown_companies(conn, run)
    rows = requested_rows.list_rows(requests)
    plan = Plan(owner, KnownRows())
    await _load(conn, plan, rows, saves=not deletes)
    by_request: defaultdict[int, list[RequestedRow]] = defaultdict(list)
    for row in rows:
        by_request[id(row.request)].append(row)
    rules.apply_requests(
        plan,
        [(request, by_request[id(request)]) for request in requests],
        to="delete" if deletes else "save",
    )
    await _save(conn, plan)
    return rejects + _build_facts(plan, await store.read_now(conn))


async def _reject_unknown_companies(
    conn: AsyncConnection, requests: Sequence[RecordRequest]
) -> tuple[list[RecordRequest], Outcome]:
    """Separate and reject the requests of companies that do not exist."""
    named = {(None, request.company_id) for request in requests if request.company_id}
    existing = await store.find_parents(conn, "Companies", named)
    company_ids = {company_id for _, _, company_id in existing} | {0}
    rejects: Outcome = [
        Reject(request, "unknown-company", f"there is no company {request.company_id}")
        for request in requests
        if request.company_id not in company_ids
    ]
    return [request for request in requests if request.company_id in company_ids], rejects


async def _load(
    conn: AsyncConnection, plan: Plan, rows: Sequence[RequestedRow], *, saves: bool
) -> None:
    """Load existing rows, and reserve ids from the sequence for rows that may be new."""
    counts = await _load_existing(conn, plan.known, rows)
    if not saves:
        return
    plan.ids = {
        table.name: iter(await store.reserve_ids(conn, table, count))
        for table, count in counts
        # No USAGE on other services' sequences; their requests will be refused anyway.
        if table.has_id and table.owner == plan.owner
    }
    for name, parents in requested_rows.collect_parents(rows).items():
        plan.known.parents |= await store.find_parents(conn, name, parents)
    if any(table.name in PLAN_LIMITS for table, _ in counts):
        companies = {row.company_id for row in rows if row.company_id is not None}
        plan.room = await store.load_remaining_rows(conn, companies)


async def _load_existing(
    conn: AsyncConnection, known: KnownRows, rows: Sequence[RequestedRow]
) -> list[tuple[RecordTable, int]]:
    """Load rows, parents first; return the number of rows without primary key per table.

    Each of these may become a new row, because an earlier row may change its natural key.
    """
    ids: defaultdict[int, dict[str, int]] = defaultdict(dict)
    counts: list[tuple[RecordTable, int]] = []
    for table, of_table in requested_rows.group_by_table(rows):
        resolved = [row.resolve_references(ids[id(row.request)]) for row in of_table]
        keys = [(row, _select_key_columns(table, row)) for row in resolved]
        if named := [columns for _, columns in keys if columns]:
            for existing in await store.find_rows(conn, table, named):
                known.add(table, existing)
        for row, columns in keys:
            match = known.find(table, row.company_id, columns)
            if match and row.name and table.has_id:
                ids[id(row.request)][row.name] = match.key[0]
        count = sum(requested_rows.read_key(table, columns) is None for _, columns in keys)
        counts.append((table, count))
    return [(table, count) for table, count in counts if count]


def _select_key_columns(table: RecordTable, requested: RequestedRow) -> Row:
    """Return the columns that can find the row; empty if they are incomplete or do not fit."""
    of_keys = {*table.key, *table.natural_key} - {table.company_column}
    named = {
        column: value
        for column, value in requested.row.items()
        if column in of_keys and value is not requested_rows.UNRESOLVED
    }
    try:
        columns = check_row(table, named)
    except InvalidRowError:
        return {}
    if requested_rows.read_key(table, columns) is None and (
        requested_rows.read_natural_key(table, requested.company_id, columns) is None
    ):
        return {}
    company = {table.company_column: requested.company_id} if table.company_column else {}
    return columns | company


async def _save(conn: AsyncConnection, plan: Plan) -> None:
    """Delete children first, then save parents first."""
    for name in reversed(list(get_tables())):
        if name in plan.deletes:
            await store.delete_rows(conn, name, plan.deletes[name])
    for name in get_tables():
        if name in plan.inserts:
            await store.insert_rows(conn, name, plan.inserts[name])
        if name in plan.updates:
            keys = get_tables()[name].key
            rows = {
                key: row | dict(zip(keys, key, strict=True))
                for key, row in plan.updates[name].items()
            }
            await store.update_rows(conn, name, rows)
    purges = [result for result in plan.results if isinstance(result, Applied) and result.purged]
    if purges:
        await purge_store.begin_purges(conn, purges)


def _build_facts(plan: Plan, at: datetime) -> Outcome:
    return [Emit(result.request, _build_fact(result, at)) for result in plan.results]


def _build_fact(result: Applied | Refused, at: datetime) -> RecordChanged:
    request = result.request
    of_request = {
        "company_id": request.company_id,
        "table": request.table,
        "request_id": request.request_id,
        "actor": request.actor,
        "at": at,
    }
    if isinstance(result, Refused):
        return RecordRefused(**of_request, reason=result.reason, row=result.row)
    if result.purged:
        return PurgeBegun(**of_request, rows=len(result.purged))
    if isinstance(request, RecordDelete):
        return RecordDeleted(**of_request, deleted=group_keys(result.deleted))
    return RecordSaved(
        **of_request, inserted=group_keys(result.inserted), updated=group_keys(result.updated)
    )
