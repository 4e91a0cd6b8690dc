"""What every handler of every service must satisfy, whatever it does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.outcome import Outcome, Told
from shared.delivery.settle import settle
from shared.delivery.subscription import Handler, Subscription
from shared.schema import metadata
from shared.settings import DatabaseSettings, Settings
from tests.laws.samples import SAMPLES
from tests.support.deployment import CONSUMERS
from tests.support.relay import as_run

pytestmark = pytest.mark.integration


def name_of(handler: Handler) -> str:
    """Name a handler, also one that was given its settings."""
    named: str = getattr(handler, "func", handler).__name__
    return named


HANDLERS = [
    pytest.param(as_run(heard, service), id=f"{name}.{name_of(heard.handler)}")
    for name, consumer in CONSUMERS.items()
    for service in [consumer(Settings())]
    for heard in service.subscriptions
]
MORE_OF_THE_WORLD = ""  # what one who runs a law with a handler of his own puts in
CUTS = {
    "after the first": (1,),
    "into three": (20, 40),
    "into single records": tuple(range(1, 60)),
}
AUDIT = {
    "id",
    "createdAt",
    "updatedAt",
    "uuid",
    "messageId",
    "ticketId",
    "contactId",
    "quotedMsgId",
    "successorId",
    "answer",
    "place",
}
STAMPS = {"chatbotAt", "queuedAt", "startedAt", "closedAt", "finishedAt", "ratingAt"}
UNTOLD = {
    "ticket_id", "contact_id", "sender_id", "message_id", "ticket_traking_id", "version",
    "successor_ticket_id", "other_ticket_id", "at", "inserted", "updated", "deleted",
}  # fmt: skip


def batch_of(subscription: Subscription, size: int) -> Sequence[BaseModel]:
    return [event for contract in subscription.contracts for event in SAMPLES[contract].batch(size)]


@asynccontextmanager
async def world(url: str) -> AsyncIterator[AsyncConnection]:
    """Give a transaction in a database where the world is there; it is taken back."""
    address = DatabaseSettings.model_validate({"DATABASE_URL": url}).url
    engine = create_async_engine(address, poolclass=NullPool)
    async with engine.connect() as conn:
        await conn.execute(text("SELECT"))  # the transaction begins with the first statement
        if MORE_OF_THE_WORLD:
            await conn.execute(text(MORE_OF_THE_WORLD))
        yield conn
        await conn.rollback()
    await engine.dispose()


async def apply(
    conn: AsyncConnection, subscription: Subscription, batch: Sequence[BaseModel]
) -> Outcome:
    outcome, _ = await settle(conn, subscription.handler, batch)
    return outcome


async def rows(conn: AsyncConnection, *, without: set[str]) -> list[tuple[str, str]]:
    """Dump every table, without the columns that two equal histories may differ in."""
    found = await conn.exec_driver_sql(_dump(frozenset(without)))
    return sorted((str(row.name), str(row.shown)) for row in found)


@cache
def _dump(without: frozenset[str]) -> str:
    selects = []
    for table in metadata.sorted_tables:
        stamps = STAMPS & set(table.columns.keys()) if without else set()
        gone = ", ".join(f"'{name}'" for name in sorted(without | stamps))
        said = ", ".join(f"'{name}', \"{name}\" IS NOT NULL" for name in sorted(stamps))
        shown = (
            f"(to_jsonb(t) - ARRAY[{gone}]::text[] || jsonb_build_object({said}))::text AS shown"
        )
        selects.append(f"SELECT '{table.name}' AS name, {shown} FROM \"{table.name}\" t")  # noqa: S608
    return " UNION ALL ".join(selects)


def told(outcome: Outcome) -> list[dict[str, Any]]:
    facts = [item.fact for item in outcome if isinstance(item, Told)]
    return [{"type": fact.type, **fact.model_dump(exclude=UNTOLD)} for fact in facts]


def last_told(outcome: Outcome) -> list[str]:
    """Keep the last fact of each type and key, as a reader does that keeps the newest."""
    return sorted({f"{f['type']} {sorted(f.items())}" for f in told(outcome)})


def test_every_contract_that_is_heard_has_a_sample() -> None:
    heard = {
        c for s in CONSUMERS.values() for sub in s(Settings()).subscriptions for c in sub.contracts
    }
    assert heard == set(SAMPLES)


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_twice_is_once(subscription: Subscription, world_url: str) -> None:
    async with world(world_url) as conn:
        await apply(conn, subscription, batch_of(subscription, 60))
        once = await rows(conn, without=set())
        await apply(conn, subscription, batch_of(subscription, 60))
        assert await rows(conn, without=set()) == once


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_where_a_batch_is_cut_changes_nothing(
    subscription: Subscription, world_url: str
) -> None:
    batch = batch_of(subscription, 60)
    async with world(world_url) as conn:
        whole_told = await apply(conn, subscription, batch)
        whole = await rows(conn, without=AUDIT)
    for name, cuts in CUTS.items():
        async with world(world_url) as conn:
            cut_told: Outcome = []
            for start, end in zip((0, *cuts), (*cuts, len(batch)), strict=True):
                cut_told += await apply(conn, subscription, batch[start:end])
            assert await rows(conn, without=AUDIT) == whole, name
        assert last_told(cut_told) == last_told(whole_told), name


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_one_bad_record_harms_no_neighbour(
    subscription: Subscription, world_url: str
) -> None:
    good = list(batch_of(subscription, 60))
    bad = SAMPLES[subscription.contracts[0]].impossible()
    async with world(world_url) as conn:
        await apply(conn, subscription, good)
        expected = await rows(conn, without=AUDIT)
    async with world(world_url) as conn:
        await apply(conn, subscription, [*good[:25], bad, *good[25:]])
        assert await rows(conn, without=AUDIT) == expected


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_the_number_of_statements_does_not_depend_on_the_size(
    subscription: Subscription, world_url: str
) -> None:
    counts = []
    for size in (4, 150):
        async with world(world_url) as conn:
            statements: list[str] = []
            event.listen(
                conn.engine.sync_engine,
                "before_cursor_execute",
                lambda *arguments, seen=statements: seen.append(arguments[2]),
            )
            await subscription.handler(conn, batch_of(subscription, size))
            counts.append(statements)
    assert len(counts[0]) == len(counts[1])
    assert set(counts[0]) == set(counts[1])
