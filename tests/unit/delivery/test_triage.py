"""Triage: the company of dead letters of unreadable records, and what is kept of them."""

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.batch.triage import triage
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters.quarantine import UnreadableRuns
from shared.delivery.dead_letters.replay import Replays
from shared.delivery.dead_letters.store import DeadLetter
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription
from tests.support.build import received

OURS, EVOLUTIONS = "chatia.message.received", "evolution.global.call"


async def _handler(*_: object) -> Outcome:
    return []


DECODER = RecordDecoder(
    (
        Subscription((MessageReceived,), _handler),
        Subscription((EvolutionRecord,), _handler, (EVOLUTIONS,)),
    ),
    "chatia",
)


def triage_one(
    topic: str,
    body: bytes = b"not JSON",
    header: bytes = b"7",
    quarantined: str | None = None,
    deleted: str | None = None,
) -> DeadLetter:
    record: Record = ConsumerRecord(
        topic, 0, 5, 1_000, 0, b"7:1", body, None, 0, 0, (("ce_companyid", header),)
    )
    checkpoint = Checkpoint(
        topic, 0, 5, None, None, 0, None, {}, {},
        [quarantined] if quarantined else None, {deleted: False} if deleted else None,
    )  # fmt: skip
    readings = [DECODER.decode(record)]
    batch = triage(
        readings,
        {TopicPartition(topic, 0): checkpoint},
        Replays("x", ()),
        DECODER,
        UnreadableRuns(0),
    )
    (dead_letter,) = batch.dead_letters
    return dead_letter


def test_on_our_topics_a_dead_letter_has_the_company_that_its_record_names() -> None:
    assert triage_one(OURS).company_id == 7


def test_on_a_gateways_topics_an_instance_called_like_a_company_is_no_company() -> None:
    dead_letter = triage_one(EVOLUTIONS)
    assert (dead_letter.reason, dead_letter.company_id) == ("unreadable-body", None)


def test_a_record_that_names_two_companies_has_neither() -> None:
    body = received(company_id=8).model_dump_json(by_alias=True).encode()
    dead_letter = triage_one(OURS, body)
    assert (dead_letter.reason, dead_letter.company_id) == ("tenant-mismatch", None)


@pytest.mark.parametrize("deleted", ["7", "7:1"])
def test_no_content_of_a_deleted_tenant_is_kept_in_a_quarantined_line(deleted: str) -> None:
    assert triage_one(OURS, quarantined="7:1").body == b"not JSON"
    dead_letter = triage_one(OURS, quarantined="7:1", deleted=deleted)
    assert (dead_letter.reason, dead_letter.body) == ("being-deleted", None)
