"""What comes for a company or a line that is being deleted is refused, and none of it is kept."""

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.message import MessageReceived
from shared.delivery import leaving
from shared.delivery.dead_letters import dead_letter
from shared.delivery.decode import Record
from tests.support.build import received

EVENT = received(body="a secret of theirs")
COMPANY, LINE = str(EVENT.company_id), f"{EVENT.company_id}:{EVENT.whatsapp_id}"


def record(event: MessageReceived) -> Record:
    value, headers = event.model_dump_json(by_alias=True).encode(), (("ce_subject", b"theirs"),)
    return ConsumerRecord(
        "chatia.message.received", 0, 7, 0, 0, event.key.encode(), value, None, 0, 0, headers
    )


@pytest.mark.parametrize(
    ("who", "is_gone", "reason"),
    [
        (COMPANY, False, "being-deleted"),
        (COMPANY, True, "deleted"),
        (LINE, False, "being-deleted"),
        (LINE, True, "deleted"),
    ],
)
def test_an_event_of_who_leaves_is_a_letter_without_its_words(
    who: str, reason: str, *, is_gone: bool
) -> None:
    letter = leaving.refusal_of_event(record(EVENT), EVENT, {who: is_gone})
    assert letter is not None
    assert (letter.reason, letter.company_id, letter.offset) == (reason, EVENT.company_id, 7)
    assert (letter.key, letter.headers, letter.body) == (None, "[]", None)


@pytest.mark.parametrize("who", [f"{COMPANY}0", f"{LINE}0", f"{EVENT.company_id + 1}:10"])
def test_others_are_not_refused(who: str) -> None:
    assert leaving.refusal_of_event(record(EVENT), EVENT, {who: True}) is None


@pytest.mark.parametrize("who", [COMPANY, LINE])
def test_an_unreadable_record_of_who_leaves_keeps_no_words_either(who: str) -> None:
    letter = dead_letter(
        record(EVENT), "unreadable-body", "the body is not JSON", company_id=EVENT.company_id
    )
    assert leaving.without_words(record(EVENT), letter, {who: False}).body is None
    assert leaving.without_words(record(EVENT), letter, {f"{who}0": False}) == letter


def test_an_unreadable_record_of_nobody_knows_whom_is_kept() -> None:
    letter = dead_letter(record(EVENT), "unreadable-body", "the body is not JSON")
    assert leaving.without_words(record(EVENT), letter, {COMPANY: False}) == letter
