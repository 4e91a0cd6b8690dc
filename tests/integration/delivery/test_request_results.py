"""A request takes effect once, and a repeated one gets the same answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from shared.contracts.base import Event, Request
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.db.engine import create_engine
from shared.delivery.batch.isolation import run_handler
from shared.delivery.batch.request_results import answer_once, build_cleanup_timer
from shared.settings import DatabaseSettings

pytestmark = pytest.mark.integration


class Ask(Request):
    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "test.ask"

    kind: str = "count"

    @property
    @override
    def asked_by(self) -> str | None:
        return "Ana" if self.request_id == "a" else None


class Answer(Event):
    topic: ClassVar[str] = "ticket.changed"
    type: ClassVar[str] = "test.answer"

    number: int

    @property
    @override
    def key(self) -> str:
        return str(self.number)


class Counter:
    """A handler that answers with the number of requests it has seen."""

    def __init__(self) -> None:
        self.count = 0

    async def handler(self, _: AsyncConnection, batch: Sequence[Ask]) -> Outcome:
        outcome: Outcome = []
        for ask in batch:
            self.count += 1
            if ask.kind == "impossible":
                outcome.append(Reject(ask, "impossible", "nobody can"))
            elif ask.kind == "count":
                outcome.append(Emit(ask, Answer(company_id=ask.company_id, number=self.count)))
        return outcome


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}), "test")
    yield made
    await made.dispose()


def ask(request_id: str, company_id: int = 1, kind: str = "count") -> Ask:
    return Ask(company_id=company_id, request_id=request_id, kind=kind)


async def answers(engine: AsyncEngine, counter: Counter, *batch: Ask) -> list[object]:
    once = answer_once("tickets", counter.handler, (Answer,))
    async with engine.begin() as conn:
        outcome, refused = await run_handler(conn, once, batch)
    assert not refused
    by_cause = {id(item.cause): item for item in outcome}
    items = [by_cause.get(id(request)) for request in batch]
    return [item.fact.number if isinstance(item, Emit) else item for item in items]  # type: ignore[attr-defined]


async def test_a_repeated_request_gets_the_same_answer(engine: AsyncEngine) -> None:
    counter = Counter()
    assert await answers(engine, counter, ask("a"), ask("b")) == [1, 2]
    assert await answers(engine, counter, ask("b"), ask("a"), ask("c")) == [2, 1, 3]
    assert counter.count == 3


async def test_a_request_repeated_in_its_own_batch_takes_effect_once(engine: AsyncEngine) -> None:
    counter = Counter()
    assert await answers(engine, counter, ask("a"), ask("a")) == [1, 1]
    assert counter.count == 1


async def test_the_same_id_of_another_company_is_another_request(engine: AsyncEngine) -> None:
    assert await answers(engine, Counter(), ask("a"), ask("a", company_id=2)) == [1, 2]


async def test_an_empty_answer_is_stored(engine: AsyncEngine) -> None:
    counter = Counter()
    await answers(engine, counter, ask("a", kind="nothing"))
    assert await answers(engine, counter, ask("a", kind="nothing")) == [None]
    assert counter.count == 1


async def test_a_rejected_request_has_no_answer_so_its_replay_runs(engine: AsyncEngine) -> None:
    counter = Counter()
    first, second = await answers(engine, counter, ask("a", kind="impossible"), ask("a"))
    assert isinstance(first, Reject)
    assert isinstance(second, Reject)
    assert await answers(engine, counter, ask("a")) == [2]


async def test_two_workers_with_the_same_request_give_one_answer(engine: AsyncEngine) -> None:
    counter, both = Counter(), asyncio.Barrier(2)

    async def slow(conn: AsyncConnection, batch: Sequence[Ask]) -> Outcome:
        outcome = await counter.handler(conn, batch)
        if counter.count <= 2:
            await both.wait()
        return outcome

    async def worker() -> int:
        once = answer_once("tickets", slow, (Answer,))
        async with engine.begin() as conn:
            ((emit,), _) = await run_handler(conn, once, [ask("a")])
        assert isinstance(emit, Emit)
        assert isinstance(emit.fact, Answer)
        return emit.fact.number

    first, second = await asyncio.gather(worker(), worker())
    assert first == second


async def test_what_was_asked_and_by_whom_is_stored(engine: AsyncEngine) -> None:
    await answers(engine, Counter(), ask("b"), ask("a"), ask("a"))
    async with engine.begin() as conn:
        rows = await conn.execute(
            text('SELECT "requestId", type, actor FROM "Requests" ORDER BY 1')
        )
        assert rows.all() == [("a", "test.ask", "Ana"), ("b", "test.ask", None)]


async def test_answers_are_deleted_after_thirty_days(engine: AsyncEngine) -> None:
    counter = Counter()
    await answers(engine, counter, ask("old"), ask("new"))
    async with engine.begin() as conn:
        age = 'UPDATE "Requests" SET "createdAt" = now() - CAST(:age AS interval)'
        aged = text(f"{age} WHERE \"requestId\" = 'old'")
        await conn.execute(aged, {"age": timedelta(days=30, minutes=1)})
        assert await build_cleanup_timer("tickets").handler(conn) == []
    assert await answers(engine, counter, ask("new"), ask("old")) == [2, 3]
