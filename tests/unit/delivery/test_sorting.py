"""Whose dead letters are of records that nobody reads, and what is kept of them."""

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery.checkpoints import Checkpoint
from shared.delivery.dead_letters import DeadLetter
from shared.delivery.decode import Record, SortingTable
from shared.delivery.quarantine import Runs
from shared.delivery.replay import Replays
from shared.delivery.sorting import sort
from shared.delivery.subscription import Subscription
from tests.support.build import received

OURS, EVOLUTIONS = "chatia.message.received", "evolution.global.call"


async def _handler(*_: object) -> Outcome:
    return []


TABLE = SortingTable(
    (
        Subscription((MessageReceived,), _handler),
        Subscription((EvolutionRecord,), _handler, (EVOLUTIONS,)),
    ),
    "chatia",
)


def letter_of(
    topic: str,
    body: bytes = b"not JSON",
    header: bytes = b"7",
    quarantined: str | None = None,
    leaving: str | None = None,
) -> DeadLetter:
    record: Record = ConsumerRecord(
        topic, 0, 5, 1_000, 0, b"7:1", body, None, 0, 0, (("ce_companyid", header),)
    )
    held = Checkpoint(
        topic, 0, 5, None, None, 0, None, {}, {},
        [quarantined] if quarantined else None, {leaving: False} if leaving else None,
    )  # fmt: skip
    readings = [TABLE.reading(record)]
    batch = sort(readings, {TopicPartition(topic, 0): held}, Replays("x", ()), TABLE, Runs(0))
    (letter,) = batch.letters
    return letter


def test_on_our_topics_a_letter_is_of_the_company_that_the_record_names() -> None:
    assert letter_of(OURS).company_id == 7


def test_on_a_gateways_topics_an_instance_called_like_a_company_is_none() -> None:
    letter = letter_of(EVOLUTIONS)
    assert (letter.reason, letter.company_id) == ("unreadable-body", None)


def test_a_letter_between_two_companies_is_of_neither() -> None:
    body = received(company_id=8).model_dump_json(by_alias=True).encode()
    letter = letter_of(OURS, body)
    assert (letter.reason, letter.company_id) == ("tenant-mismatch", None)


@pytest.mark.parametrize("leaving", ["7", "7:1"])
def test_nothing_of_who_leaves_is_kept_though_the_line_is_quarantined(leaving: str) -> None:
    assert letter_of(OURS, quarantined="7:1").body == b"not JSON"
    letter = letter_of(OURS, quarantined="7:1", leaving=leaving)
    assert (letter.reason, letter.body) == ("being-deleted", None)
