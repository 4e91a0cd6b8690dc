"""Changes of one message combine to the same result in any order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messages.changes.rules import CombinedChange, Plan, Target, plan_changes
from services.messages.domain.keys import LineKey, MessageKey
from shared.contracts.message_change import (
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
)
from shared.contracts.outcome import Reject
from tests.support.build import CUSTOMER, at

KEY = MessageKey(1, 10, "A1")
ACKS = st.lists(st.integers(-1, 4), min_size=1, max_size=8)
EDITS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"])), min_size=1)


def of(minutes: float = 0, **members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "wid": "A1"}
    return {**given, "timestamp": at(minutes), **members}


OURS = Target(5, from_me=True, is_group=False)


def change(*batch: MessageChange, target: Target = OURS) -> Plan:
    return plan_changes({LineKey(1, 10)}, {KEY: target}, batch)


def combine(*batch: MessageChange) -> CombinedChange:
    return change(*batch).changes[5]


@given(acks=ACKS)
def test_the_highest_ack_counts_and_a_failure_is_kept(acks: list[int]) -> None:
    combined = combine(*(MessageAcked(**of(), ack=ack) for ack in acks))
    assert combined.ack == max((ack for ack in acks if ack >= 0), default=None)
    assert combined.failed == (-1 in acks)


@given(edits=EDITS)
def test_the_latest_edit_counts_and_of_equal_times_the_greatest_text(
    edits: list[tuple[int, str]],
) -> None:
    combined = combine(*(MessageEdited(**of(minute), body=body) for minute, body in edits))
    minute, body = max(edits)
    assert (combined.edited_at, combined.body) == (at(minute), body)


def test_a_change_of_a_message_that_is_not_stored_waits_for_it() -> None:
    early = MessageAcked(**of(wid="A2"), ack=3)
    plan = change(early)
    assert [(row.wid, row.type) for row in plan.early] == [("A2", "chatia.message.acked.v1")]
    assert plan.changes == {}


def test_equal_early_changes_have_equal_digests_and_others_have_not() -> None:
    early, other = MessageAcked(**of(wid="A2"), ack=3), MessageAcked(**of(wid="A2"), ack=2)
    first, again, third = change(early, early, other).early
    assert first.digest == again.digest != third.digest


@pytest.mark.parametrize("by_us", [True, False])
@pytest.mark.parametrize("kind", [MessageEdited, MessageDeleted])
def test_only_the_author_of_a_message_edits_or_deletes_it(
    kind: type[MessageChange], by_us: bool
) -> None:
    forged = kind.model_validate(of(body="x", from_me=by_us))
    target = Target(5, from_me=not by_us, is_group=False)
    plan = change(forged, target=target)
    (reject,) = plan.outcome
    assert isinstance(reject, Reject)
    assert (reject.reason, plan.changes) == ("not-the-author", {})


@pytest.mark.parametrize(("by_us", "is_group"), [(True, False), (None, False), (False, True)])
def test_the_author_a_group_admin_and_an_unknown_author_delete_a_message(
    by_us: bool | None, is_group: bool
) -> None:
    deleted = MessageDeleted(**of(), from_me=by_us)
    plan = change(deleted, target=Target(5, from_me=True, is_group=is_group))
    assert plan.changes[5].deleted
