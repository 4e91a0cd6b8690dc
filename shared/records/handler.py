"""Granting requests about rows of the tables that one service owns."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.record import (
    PurgeBegun,
    PurgeProgressed,
    RecordChanged,
    RecordDeleted,
    RecordRefused,
    RecordSaved,
)
from shared.contracts.record_request import DELETES, SAVES, RecordDelete, RecordRequest, Row
from shared.delivery.settle import blames_a_value, sentence_of
from shared.delivery.subscription import Handler, Subscription
from shared.records import asking, deciding, purge_store, store
from shared.records.asking import Asked, Known
from shared.records.deciding import Granted, Plan, Refused
from shared.records.models import UnfitRowError, checked
from shared.records.rights import LIMITED
from shared.records.tables import RecordTable, keys_of, tables

ATTEMPTS = 2
FACTS: tuple[type[RecordChanged], ...] = (
    RecordSaved,
    RecordDeleted,
    RecordRefused,
    PurgeBegun,
    PurgeProgressed,
)


def records_of(owner: str) -> Subscription:
    """Listen to requests about the tables of an owner, in the order in which they come."""
    return Subscription((SAVES[owner], DELETES[owner]), _granting(owner))


def _granting(owner: str) -> Handler:
    async def grant_records(conn: AsyncConnection, batch: Sequence[RecordRequest]) -> Outcome:
        """Save and delete rows, run after run of one kind, and tell what became of each request."""
        outcome: Outcome = []
        for deletes, run in groupby(batch, lambda request: isinstance(request, RecordDelete)):
            outcome += await _carry(conn, owner, list(run), deletes=deletes)
        return outcome

    return grant_records


async def _carry(
    conn: AsyncConnection, owner: str, run: Sequence[RecordRequest], *, deletes: bool
) -> Outcome:
    """Do what is asked; what the database says of a request that stands alone is its answer.

    The first time it may only have lost a race.
    """
    for attempt in range(ATTEMPTS):
        try:
            async with conn.begin_nested():
                return await _grant(conn, owner, run, deletes=deletes)
        except DBAPIError as error:
            if len(run) > 1 or not blames_a_value(error):
                raise
            if attempt + 1 == ATTEMPTS:
                refused = Refused(run[0], sentence_of(error), None)
                return [Told(run[0], _fact(refused, await store.now(conn)))]
    raise AssertionError


async def _grant(
    conn: AsyncConnection, owner: str, run: Sequence[RecordRequest], *, deletes: bool
) -> Outcome:
    requests, dead = await _of_companies(conn, run)
    rows = asking.asked(requests)
    plan = Plan(owner, Known())
    await _load(conn, plan, rows, saves=not deletes)
    of_request: defaultdict[int, list[Asked]] = defaultdict(list)
    for row in rows:
        of_request[id(row.request)].append(row)
    deciding.decide(
        plan,
        [(request, of_request[id(request)]) for request in requests],
        to="delete" if deletes else "save",
    )
    await _write(conn, plan)
    return dead + _told(plan, await store.now(conn))


async def _of_companies(
    conn: AsyncConnection, requests: Sequence[RecordRequest]
) -> tuple[list[RecordRequest], Outcome]:
    """Sort out the requests of companies that there are; the others can never take effect."""
    wanted = {(None, request.company_id) for request in requests if request.company_id}
    there = {company for _, _, company in await store.parents(conn, "Companies", wanted)} | {0}
    dead: Outcome = [
        Dead(request, "unknown-company", f"there is no company {request.company_id}")
        for request in requests
        if request.company_id not in there
    ]
    return [request for request in requests if request.company_id in there], dead


async def _load(conn: AsyncConnection, plan: Plan, rows: Sequence[Asked], *, saves: bool) -> None:
    """Read which rows there are, and draw ids for those that may be new."""
    nameless = await _find(conn, plan.known, rows)
    if not saves:
        return
    plan.ids = {
        table.name: iter(await store.new_ids(conn, table, count))
        for table, count in nameless
        # Another owner's sequence may not be asked, and its request is refused in any case.
        if table.has_id and table.owner == plan.owner
    }
    for name, wanted in asking.parents_of(rows).items():
        plan.known.parents |= await store.parents(conn, name, wanted)
    if any(table.name in LIMITED for table, _ in nameless):
        companies = {asked.company_id for asked in rows if asked.company_id is not None}
        plan.room = await store.room(conn, companies)


async def _find(
    conn: AsyncConnection, known: Known, rows: Sequence[Asked]
) -> list[tuple[RecordTable, int]]:
    """Read the rows that there are, parents first; gives how many are asked without their key.

    Each of those may be new by its turn: one before it may call the row that it means otherwise.
    """
    ids: defaultdict[int, dict[str, int]] = defaultdict(dict)
    nameless: list[tuple[RecordTable, int]] = []
    for table, of_table in asking.by_table(rows):
        pointing = [asked.pointing(ids[id(asked.request)]) for asked in of_table]
        named = [(asked, _key_columns(table, asked)) for asked in pointing]
        if keys := [columns for _, columns in named if columns]:
            for found in await store.find(conn, table, keys):
                known.add(table, found)
        there = [(asked, known.find(table, asked.company_id, columns)) for asked, columns in named]
        for asked, found_row in there:
            if found_row and asked.name and table.has_id:
                ids[id(asked.request)][asked.name] = found_row.key[0]
        count = sum(asking.key_of(table, columns) is None for _, columns in named)
        nameless.append((table, count))
    return [(table, count) for table, count in nameless if count]


def _key_columns(table: RecordTable, asked: Asked) -> Row:
    """Give the columns by which a row may be found, as far as they fit."""
    wanted = {*table.key, *table.natural} - {table.company}
    named = {c: v for c, v in asked.row.items() if c in wanted and v is not asking.UNKNOWN}
    try:
        fitting = checked(table, named)
    except UnfitRowError:
        return {}
    if asking.key_of(table, fitting) is None and (
        asking.natural_of(table, asked.company_id, fitting) is None
    ):
        return {}
    return fitting | ({table.company: asked.company_id} if table.company else {})


async def _write(conn: AsyncConnection, plan: Plan) -> None:
    """Delete children first, then save parents first."""
    for name in reversed(list(tables())):
        if name in plan.deletes:
            await store.delete(conn, name, plan.deletes[name])
    for name in tables():
        if name in plan.inserts:
            await store.insert(conn, name, plan.inserts[name])
        if name in plan.updates:
            keys = tables()[name].key
            rows = {
                key: row | dict(zip(keys, key, strict=True))
                for key, row in plan.updates[name].items()
            }
            await store.update(conn, name, rows)
    begun = [a for a in plan.answers if isinstance(a, Granted) and a.purged]
    if begun:
        await purge_store.begin(conn, begun)


def _told(plan: Plan, at: datetime) -> Outcome:
    return [Told(answer.request, _fact(answer, at)) for answer in plan.answers]


def _fact(answer: Granted | Refused, at: datetime) -> RecordChanged:
    request = answer.request
    of_request = {
        "company_id": request.company_id,
        "table": request.table,
        "request_id": request.request_id,
        "actor": request.actor,
        "at": at,
    }
    if isinstance(answer, Refused):
        return RecordRefused(**of_request, reason=answer.reason, row=answer.place)
    if answer.purged:
        return PurgeBegun(**of_request, rows=len(answer.purged))
    if isinstance(request, RecordDelete):
        return RecordDeleted(**of_request, deleted=keys_of(answer.deleted))
    return RecordSaved(
        **of_request, inserted=keys_of(answer.inserted), updated=keys_of(answer.updated)
    )
