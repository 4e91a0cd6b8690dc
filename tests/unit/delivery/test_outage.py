"""Outages: what is waited for, and pauses until it is back."""

import asyncio
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy.exc import DBAPIError, OperationalError

from shared.db.engine import create_engine
from shared.delivery.health.backoff import Backoff
from shared.delivery.health.outage import Outage, find_cause
from shared.delivery.health.status import Health, WaitsFor
from shared.delivery.kafka.pauses import Pauses
from shared.settings import DatabaseSettings

PARTITION = TopicPartition("chatia.message.received", 0)


class RefusedError(Exception):
    sqlstate = "42P01"


class PausedConsumer:
    """A consumer of one partition that records its pauses."""

    def __init__(self) -> None:
        self.stopped: set[TopicPartition] = set()

    def assignment(self) -> Iterable[TopicPartition]:
        return {PARTITION}

    def pause(self, *partitions: TopicPartition) -> None:
        self.stopped |= set(partitions)

    def paused(self) -> Iterable[TopicPartition]:
        return self.stopped

    def resume(self, *partitions: TopicPartition) -> None:
        self.stopped -= set(partitions)


@pytest.mark.parametrize(
    ("error", "waits_for"),
    [
        (ConnectionRefusedError(), WaitsFor.DATABASE),
        (OperationalError("SELECT 1", {}, Exception("gone")), WaitsFor.DATABASE),
        (DBAPIError("SELECT 1", {}, RefusedError()), WaitsFor.INTERNAL_ERROR),
        (KafkaConnectionError(), WaitsFor.KAFKA),
        (ExceptionGroup("several", [KafkaConnectionError()]), WaitsFor.KAFKA),
        (KeyError("a bug"), WaitsFor.INTERNAL_ERROR),
    ],
)
def test_an_error_decides_what_is_waited_for(error: BaseException, waits_for: WaitsFor) -> None:
    assert find_cause(error) is waits_for


async def test_partitions_are_paused_until_the_database_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter((False, False, True))
    consumer = PausedConsumer()
    state = Health()
    pauses = Pauses(lambda: consumer)  # type: ignore[arg-type, return-value]
    outage = Outage(create_engine(DatabaseSettings(), "test"), pauses, state)

    async def answer(_: Outage) -> bool:
        return next(answers)

    monkeypatch.setattr(Outage, "_is_database_up", answer)
    monkeypatch.setattr(Backoff, "lengthen", lambda _: 0.01)
    outage.begin(ConnectionRefusedError())
    assert consumer.stopped == {PARTITION}
    assert state.status.startswith("degraded: waiting for the database since 20")
    async with asyncio.timeout(5):
        while consumer.stopped:  # noqa: ASYNC110 - what is tested
            await asyncio.sleep(0.01)
    assert list(answers) == []


def test_pauses_of_a_consumer_that_has_stopped_are_ignored() -> None:
    pauses = Pauses(lambda: None)
    pauses.hold("a reason")
    pauses.release("a reason")


async def test_a_committed_batch_ends_the_outage() -> None:
    state = Health()
    pauses = Pauses(PausedConsumer)  # type: ignore[arg-type]
    outage = Outage(create_engine(DatabaseSettings(), "test"), pauses, state)
    outage.begin(KafkaConnectionError())
    outage.end()
    assert state.status == "ok"
    outage.cancel()
