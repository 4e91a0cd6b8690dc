"""What a batch says about one message, whatever the order in which it comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messages.rules import changes
from services.messages.rules.changes import Edition, Plan, Target
from shared.contracts.message_change import (
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
)
from shared.contracts.outcome import Dead
from tests.support.build import CUSTOMER, at

WID = (1, 10, "A1")
ACKS = st.lists(st.integers(-1, 4), min_size=1, max_size=8)
EDITS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"])), min_size=1)


def of(minutes: float = 0, **members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "wid": "A1"}
    return {**given, "timestamp": at(minutes), **members}


OURS = Target(5, from_me=True, is_group=False)


def change(*batch: MessageChange, target: Target = OURS) -> Plan:
    return changes.change({(1, 10)}, {WID: target}, batch)


def edition(*batch: MessageChange) -> Edition:
    return change(*batch).editions[5]


@given(acks=ACKS)
def test_acks_sum_up_to_the_highest_and_a_failure_is_never_forgotten(acks: list[int]) -> None:
    found = edition(*(MessageAcked(**of(), ack=ack) for ack in acks))
    assert found.ack == max((ack for ack in acks if ack >= 0), default=None)
    assert found.failed == (-1 in acks)


@given(edits=EDITS)
def test_of_edits_the_latest_stands_and_of_equal_times_always_the_same(
    edits: list[tuple[int, str]],
) -> None:
    found = edition(*(MessageEdited(**of(minute), body=body) for minute, body in edits))
    minute, body = max(edits)
    assert (found.edited_at, found.body) == (at(minute), body)


def test_a_change_of_a_message_that_is_not_here_waits_for_it() -> None:
    early = MessageAcked(**of(wid="A2"), ack=3)
    plan = change(early)
    assert [(row.wid, row.type) for row in plan.awaited] == [("A2", "chatia.message.acked.v1")]
    assert plan.editions == {}


def test_the_same_change_that_waits_twice_is_told_apart_from_no_other() -> None:
    early, other = MessageAcked(**of(wid="A2"), ack=3), MessageAcked(**of(wid="A2"), ack=2)
    first, again, third = change(early, early, other).awaited
    assert first.digest == again.digest != third.digest


@pytest.mark.parametrize("by_us", [True, False])
@pytest.mark.parametrize("kind", [MessageEdited, MessageDeleted])
def test_who_did_not_write_a_message_neither_edits_it_nor_takes_it_back(
    kind: type[MessageChange], by_us: bool
) -> None:
    forged = kind.model_validate(of(body="x", from_me=by_us))
    target = Target(5, from_me=not by_us, is_group=False)
    plan = change(forged, target=target)
    (dead,) = plan.outcome
    assert isinstance(dead, Dead)
    assert (dead.reason, plan.editions) == ("not-the-author", {})


@pytest.mark.parametrize(("by_us", "is_group"), [(True, False), (None, False), (False, True)])
def test_its_writer_may_and_in_groups_an_admin_and_where_nobody_says_who_it_was(
    by_us: bool | None, is_group: bool
) -> None:
    deleted = MessageDeleted(**of(), from_me=by_us)
    plan = change(deleted, target=Target(5, from_me=True, is_group=is_group))
    assert plan.editions[5].deleted
