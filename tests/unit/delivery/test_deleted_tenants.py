"""Records of deleted companies and lines are rejected, and their content is not kept."""

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.message import MessageReceived
from shared.delivery.dead_letters.deleted_tenants import blank_if_deleted, reject_if_deleted
from shared.delivery.dead_letters.store import build_dead_letter
from shared.delivery.kafka.record import Record
from tests.support.build import received

EVENT = received(body="a secret of theirs")
COMPANY, LINE = str(EVENT.company_id), f"{EVENT.company_id}:{EVENT.whatsapp_id}"


def record(event: MessageReceived) -> Record:
    value, headers = event.model_dump_json(by_alias=True).encode(), (("ce_subject", b"theirs"),)
    return ConsumerRecord(
        "chatia.message.received", 0, 7, 0, 0, event.key.encode(), value, None, 0, 0, headers
    )


@pytest.mark.parametrize(
    ("tenant", "is_deleted", "reason"),
    [
        (COMPANY, False, "being-deleted"),
        (COMPANY, True, "deleted"),
        (LINE, False, "being-deleted"),
        (LINE, True, "deleted"),
    ],
)
def test_an_event_of_a_deleted_tenant_becomes_a_dead_letter_without_content(
    tenant: str, reason: str, *, is_deleted: bool
) -> None:
    dead_letter = reject_if_deleted(record(EVENT), EVENT, {tenant: is_deleted})
    assert dead_letter is not None
    assert (dead_letter.reason, dead_letter.company_id, dead_letter.offset) == (
        reason,
        EVENT.company_id,
        7,
    )
    assert (dead_letter.key, dead_letter.headers, dead_letter.body) == (None, "[]", None)


@pytest.mark.parametrize("tenant", [f"{COMPANY}0", f"{LINE}0", f"{EVENT.company_id + 1}:10"])
def test_events_of_other_tenants_are_not_rejected(tenant: str) -> None:
    assert reject_if_deleted(record(EVENT), EVENT, {tenant: True}) is None


@pytest.mark.parametrize("tenant", [COMPANY, LINE])
def test_an_unreadable_record_of_a_deleted_tenant_keeps_no_content(tenant: str) -> None:
    dead_letter = build_dead_letter(
        record(EVENT), "unreadable-body", "the body is not JSON", company_id=EVENT.company_id
    )
    assert blank_if_deleted(record(EVENT), dead_letter, {tenant: False}).body is None
    assert blank_if_deleted(record(EVENT), dead_letter, {f"{tenant}0": False}) == dead_letter


def test_an_unreadable_record_without_a_company_is_kept() -> None:
    dead_letter = build_dead_letter(record(EVENT), "unreadable-body", "the body is not JSON")
    assert blank_if_deleted(record(EVENT), dead_letter, {COMPANY: False}) == dead_letter
