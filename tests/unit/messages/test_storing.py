"""Routed messages become rows, each once."""

from services.messages.domain.keys import MessageKey
from services.messages.storing import rules
from services.messages.storing.rules import Inserted, MessageRow
from shared.contracts.message import MessageRefused, MessageRouted, MessageStored
from shared.contracts.outcome import Emit
from tests.support.build import NOON, routed


def rows(*batch: MessageRouted) -> list[MessageRow]:
    return rules.build_rows(rules.plan_messages(batch), ())


def test_a_customers_message_is_unread_and_our_own_is_read() -> None:
    customer, ours = rows(routed("A1"), routed("A2", from_me=True, sender_id=None))
    assert (customer.read, customer.contact_id) == (False, 100)
    assert (ours.read, ours.contact_id) == (True, None)


def test_a_message_has_the_time_that_its_gateway_gives_it() -> None:
    (row,) = rows(routed())
    assert row.created_at == NOON


def test_a_media_address_too_long_for_its_column_is_left_out() -> None:
    (row,) = rows(routed(media_url="https://m.example/" + "x" * 255))
    assert row.media_url is None


def test_the_second_copy_in_a_batch_is_refused() -> None:
    plan = rules.plan_messages([routed("A1", ticket_id=1), routed("A1", ticket_id=2)])
    outcome = rules.build_facts(plan, {MessageKey(1, 10, "A1"): Inserted(5, 1)})
    first, copy = (item.fact for item in outcome if isinstance(item, Emit))
    assert isinstance(first, MessageStored)
    assert isinstance(copy, MessageRefused)
    assert (first.ticket_id, copy.ticket_id, copy.reason) == (1, 2, "duplicate")


def test_a_stored_message_is_refused_with_the_effect_it_had_on_its_ticket() -> None:
    plan = rules.plan_messages([routed("A1", ticket_effect="opened")])
    (emit,) = rules.build_facts(plan, {})
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageRefused)
    assert emit.fact.ticket_effect == "opened"


def test_only_new_rows_are_linked_to_what_they_quote() -> None:
    plan = rules.plan_messages(
        [routed("A1", quoted_wid="Q"), routed("A2", quoted_wid="Q"), routed("A3")]
    )
    quotes = rules.build_quotes(plan, {MessageKey(1, 10, "A1"): 5, MessageKey(1, 10, "A3"): 6})
    assert [(q.message_id, q.quoted_wid) for q in quotes] == [(5, "Q")]
