"""Routed messages become rows, each once."""

import json
from typing import Any

import pytest

from services.messages.domain.keys import MessageKey
from services.messages.storing import rules
from services.messages.storing.placeholders import TEXTS
from services.messages.storing.rules import Inserted, MessageRow, ReplacedRow
from shared.contracts.message import (
    PLACEHOLDERS,
    MessageRefused,
    MessageRouted,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.outcome import Emit
from tests.support.build import NOON, at, routed

A1 = MessageKey(1, 10, "A1")
REPLACED = ReplacedRow(
    message_id=5, ticket_id=1000, version=7, ack=2, is_edited=False, is_deleted=False, read=False,
    has_new_body=True,
)  # fmt: skip


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


DEEP = "[" * 99_999
FILE = {"file_name": "nf.pdf", "mime_type": "application/pdf"}


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ({**FILE, "data_json": None}, {"fileName": "nf.pdf", "mimeType": "application/pdf"}),
        ({"choice_id": "sim", "data_json": '{"id": "A1"}'}, {"id": "A1", "choiceId": "sim"}),
        ({"choice_id": "sim", "data_json": "[1]"}, {"message": "[1]", "choiceId": "sim"}),
        ({"choice_id": "sim", "data_json": "no JSON"}, {"message": "no JSON", "choiceId": "sim"}),
        ({"choice_id": "sim", "data_json": DEEP}, {"message": DEEP, "choiceId": "sim"}),
        ({"choice_id": "é", "data_json": '{"a": "\\ud83d"}'}, {"a": "?", "choiceId": "é"}),
    ],
)  # fmt: skip
def test_what_has_no_column_is_kept_with_the_gateways_message(
    members: dict[str, Any], kept: dict[str, str]
) -> None:
    (row,) = rows(routed(**members))
    assert json.loads(row.data_json or "") == kept


def test_a_message_without_file_and_choice_keeps_the_gateways_message_as_it_is() -> None:
    assert [row.data_json for row in rows(routed(data_json='{"a":  1}'))] == ['{"a":  1}']


def test_a_content_of_a_placeholder_keeps_its_file_name_too() -> None:
    content = routed("A1", media_type="application", **FILE)
    (built,) = rules.build_contents({A1: content}, {A1: 5})
    assert json.loads(built.data_json or "")["fileName"] == "nf.pdf"


def test_a_stored_message_says_what_was_chosen() -> None:
    plan = rules.plan_messages([routed("A1", choice_id="sim")])
    (emit,) = rules.build_facts(plan, {A1: Inserted(5, 1)}, {})
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageStored)
    assert emit.fact.choice_id == "sim"


def test_the_second_copy_in_a_batch_is_refused() -> None:
    plan = rules.plan_messages([routed("A1", ticket_id=1), routed("A1", ticket_id=2)])
    outcome = rules.build_facts(plan, {A1: Inserted(5, 1)}, {})
    first, copy = (item.fact for item in outcome if isinstance(item, Emit))
    assert isinstance(first, MessageStored)
    assert isinstance(copy, MessageRefused)
    assert (first.ticket_id, copy.ticket_id, copy.reason) == (1, 2, "duplicate")


def test_a_stored_message_is_refused_with_the_effect_it_had_on_its_ticket() -> None:
    plan = rules.plan_messages([routed("A1", ticket_effect="opened")])
    (emit,) = rules.build_facts(plan, {}, {})
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageRefused)
    assert emit.fact.ticket_effect == "opened"


def test_only_new_rows_are_linked_to_what_they_quote() -> None:
    plan = rules.plan_messages(
        [routed("A1", quoted_wid="Q"), routed("A2", quoted_wid="Q"), routed("A3")]
    )
    quotes = rules.build_quotes(plan.first, {A1: 5, MessageKey(1, 10, "A3"): 6})
    assert [(q.message_id, q.quoted_wid) for q in quotes] == [(5, "Q")]


def hidden(**members: object) -> MessageRouted:
    return routed("A1", media_type="undecryptable", body="", **members)


def test_every_placeholder_has_a_text_in_every_language() -> None:
    assert TEXTS.keys() == PLACEHOLDERS
    assert {tuple(sorted(texts)) for texts in TEXTS.values()} == {("en", "es", "pt")}
    assert len({text for texts in TEXTS.values() for text in texts.values()}) == 9


def test_the_texts_of_placeholders_answer_no_question() -> None:
    texts = [text for texts in TEXTS.values() for text in texts.values()]
    assert [text for text in texts if any(character.isdigit() for character in text)] == []


def test_the_first_content_after_a_placeholder_of_the_batch_may_replace_it() -> None:
    content = routed("A1", body="Oi")
    plan = rules.plan_messages([hidden(), hidden(), content, routed("A1", body="Outro")])
    assert rules.list_contents(plan, {A1}) == {A1: content}
    assert [copy.body for copy in plan.copies] == ["", "Outro"]


def test_a_content_without_a_row_of_its_own_may_replace_a_placeholder() -> None:
    plan = rules.plan_messages([routed("A1"), routed("A2"), hidden()])
    assert list(rules.list_contents(plan, {MessageKey(1, 10, "A2")})) == [A1]


def test_a_placeholder_replaces_nothing() -> None:
    assert rules.list_contents(rules.plan_messages([hidden()]), set()) == {}


def test_a_content_that_replaced_a_placeholder_is_published_as_its_change() -> None:
    message = routed("A1", ticket_id=1001, ticket_effect="opened", received_at=at(3))
    (emit,) = rules.build_facts(rules.plan_messages([message]), {}, {A1: REPLACED})
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageUpdated)
    assert (emit.fact.message_id, emit.fact.ticket_id, emit.fact.version) == (5, 1000, 7)
    assert emit.fact.changes == ("body", "content")
    assert (emit.fact.timestamp, emit.fact.received_at) == (NOON, at(3))
    assert emit.fact.opened_ticket_id == 1001


def test_a_content_names_no_ticket_that_was_not_opened_for_it() -> None:
    (emit,) = rules.build_facts(rules.plan_messages([routed("A1")]), {}, {A1: REPLACED})
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageUpdated)
    assert emit.fact.opened_ticket_id is None


def test_of_a_placeholder_and_its_content_in_a_batch_both_are_published() -> None:
    plan = rules.plan_messages([hidden(), routed("A1"), routed("A1")])
    facts = [
        item.fact
        for item in rules.build_facts(plan, {A1: Inserted(5, 1000)}, {A1: REPLACED})
        if isinstance(item, Emit)
    ]
    assert [fact.type for fact in facts] == ["message.stored", "message.updated", "message.refused"]


def test_a_placeholder_of_a_stored_row_is_refused_though_a_content_replaced_that() -> None:
    plan = rules.plan_messages([hidden(), routed("A1")])
    facts = [
        item.fact for item in rules.build_facts(plan, {}, {A1: REPLACED}) if isinstance(item, Emit)
    ]
    assert [fact.type for fact in facts] == ["message.refused", "message.updated"]
