"""Waiting for the world."""

import asyncio
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy.exc import DBAPIError, OperationalError

from shared.db.engine import create_engine
from shared.delivery import health
from shared.delivery.health import Health
from shared.delivery.outage import Outage, awaited
from shared.delivery.pauses import Pauses
from shared.delivery.retry import Backoff
from shared.settings import DatabaseSettings

PLACE = TopicPartition("chatia.message.received", 0)


class RefusedError(Exception):
    sqlstate = "42P01"


class PausedConsumer:
    """Remembers what is paused; nothing else of a consumer is asked for."""

    def __init__(self) -> None:
        self.still: set[TopicPartition] = set()

    def assignment(self) -> Iterable[TopicPartition]:
        return {PLACE}

    def pause(self, *places: TopicPartition) -> None:
        self.still |= set(places)

    def paused(self) -> Iterable[TopicPartition]:
        return self.still

    def resume(self, *places: TopicPartition) -> None:
        self.still -= set(places)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ConnectionRefusedError(), health.DATABASE),
        (OperationalError("SELECT 1", {}, Exception("gone")), health.DATABASE),
        (DBAPIError("SELECT 1", {}, RefusedError()), health.US),
        (KafkaConnectionError(), health.KAFKA),
        (ExceptionGroup("lanes", [KafkaConnectionError()]), health.KAFKA),
        (KeyError("a bug"), health.US),
    ],
)
def test_an_error_tells_what_is_waited_for(error: BaseException, what: str) -> None:
    assert awaited(error) == what


async def test_partitions_are_paused_until_the_database_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter((False, False, True))
    consumer = PausedConsumer()
    state = Health()
    pauses = Pauses(lambda: consumer)  # type: ignore[arg-type, return-value]
    waiting = Outage(create_engine(DatabaseSettings(), "test"), pauses, state)

    async def answer(_: Outage) -> bool:
        return next(answers)

    monkeypatch.setattr(Outage, "_database_answers", answer)
    monkeypatch.setattr(Backoff, "failed", lambda _: 0.01)
    waiting.wait_out(ConnectionRefusedError())
    assert consumer.still == {PLACE}
    assert state.status.startswith("degraded: waiting for the database since 20")
    async with asyncio.timeout(5):
        while consumer.still:  # noqa: ASYNC110 - what is tested
            await asyncio.sleep(0.01)
    assert list(answers) == []


async def test_a_batch_that_goes_through_ends_the_outage() -> None:
    state = Health()
    pauses = Pauses(PausedConsumer)  # type: ignore[arg-type]
    waiting = Outage(create_engine(DatabaseSettings(), "test"), pauses, state)
    waiting.wait_out(KafkaConnectionError())
    waiting.is_over()
    assert state.status == "ok"
    waiting.forget()
