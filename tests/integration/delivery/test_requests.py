"""A request is answered once, however often, by whomever and in whatever batches it is repeated."""

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
from shared.contracts.outcome import Dead, Outcome, Told
from shared.db.engine import create_engine
from shared.delivery.requests import answered_once, forgetting
from shared.delivery.settle import settle
from shared.settings import DatabaseSettings

pytestmark = pytest.mark.integration


class Ask(Request):
    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "test.ask"

    wish: str = "count"


class Answer(Event):
    topic: ClassVar[str] = "ticket.changed"
    type: ClassVar[str] = "test.answer"

    number: int

    @property
    @override
    def key(self) -> str:
        return str(self.number)


class Counter:
    """Answers with a number that grows with every request it really sees."""

    def __init__(self) -> None:
        self.count = 0

    async def handler(self, _: AsyncConnection, batch: Sequence[Ask]) -> Outcome:
        outcome: Outcome = []
        for ask in batch:
            self.count += 1
            if ask.wish == "impossible":
                outcome.append(Dead(ask, "impossible", "nobody can"))
            elif ask.wish == "count":
                outcome.append(Told(ask, Answer(company_id=ask.company_id, number=self.count)))
        return outcome


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}), "test")
    yield made
    await made.dispose()


def ask(request_id: str, company_id: int = 1, wish: str = "count") -> Ask:
    return Ask(company_id=company_id, request_id=request_id, wish=wish)


async def answers(engine: AsyncEngine, counter: Counter, *batch: Ask) -> list[object]:
    once = answered_once("tickets", counter.handler, (Answer,))
    async with engine.begin() as conn:
        outcome, impossible = await settle(conn, once, batch)
    assert not impossible
    by_cause = {id(item.cause): item for item in outcome}
    found = [by_cause.get(id(asked)) for asked in batch]
    return [item.fact.number if isinstance(item, Told) else item for item in found]  # type: ignore[attr-defined]


async def test_a_repeated_request_gets_the_same_answer(engine: AsyncEngine) -> None:
    counter = Counter()
    assert await answers(engine, counter, ask("a"), ask("b")) == [1, 2]
    assert await answers(engine, counter, ask("b"), ask("a"), ask("c")) == [2, 1, 3]
    assert counter.count == 3


async def test_a_request_repeated_in_its_own_batch_is_done_once(engine: AsyncEngine) -> None:
    counter = Counter()
    assert await answers(engine, counter, ask("a"), ask("a")) == [1, 1]
    assert counter.count == 1


async def test_the_same_id_of_another_company_is_another_request(engine: AsyncEngine) -> None:
    assert await answers(engine, Counter(), ask("a"), ask("a", company_id=2)) == [1, 2]


async def test_an_answer_of_nothing_is_an_answer(engine: AsyncEngine) -> None:
    counter = Counter()
    await answers(engine, counter, ask("a", wish="nothing"))
    assert await answers(engine, counter, ask("a", wish="nothing")) == [None]
    assert counter.count == 1


async def test_a_dead_request_has_no_answer_so_its_replay_is_tried(engine: AsyncEngine) -> None:
    counter = Counter()
    first, second = await answers(engine, counter, ask("a", wish="impossible"), ask("a"))
    assert isinstance(first, Dead)
    assert isinstance(second, Dead)
    assert await answers(engine, counter, ask("a")) == [2]


async def test_two_workers_that_are_asked_at_once_give_one_answer(engine: AsyncEngine) -> None:
    counter, both = Counter(), asyncio.Barrier(2)

    async def slow(conn: AsyncConnection, batch: Sequence[Ask]) -> Outcome:
        outcome = await counter.handler(conn, batch)
        if counter.count <= 2:
            await both.wait()
        return outcome

    async def worker() -> int:
        once = answered_once("tickets", slow, (Answer,))
        async with engine.begin() as conn:
            ((told,), _) = await settle(conn, once, [ask("a")])
        assert isinstance(told, Told)
        assert isinstance(told.fact, Answer)
        return told.fact.number

    first, second = await asyncio.gather(worker(), worker())
    assert first == second


async def test_answers_are_forgotten_after_thirty_days(engine: AsyncEngine) -> None:
    counter = Counter()
    await answers(engine, counter, ask("old"), ask("new"))
    async with engine.begin() as conn:
        age = 'UPDATE "Requests" SET "createdAt" = now() - CAST(:age AS interval)'
        aged = text(f"{age} WHERE \"requestId\" = 'old'")
        await conn.execute(aged, {"age": timedelta(days=30, minutes=1)})
        assert await forgetting("tickets").handler(conn) == []
    assert await answers(engine, counter, ask("new"), ask("old")) == [2, 3]
