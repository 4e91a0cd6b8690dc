import json
from collections.abc import Sequence
from random import Random
from types import SimpleNamespace

import pytest

from shared.contracts.base import Event
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketAccept, TicketRequest
from tests.faults import requests
from tests.faults.audit_requests import (
    AnsweredRequests,
    TicketState,
    check_ticket_requests,
    decide_request,
)
from tests.faults.findings import LOST, TWICE, WRONG
from tests.faults.laws import Cause, Fact
from tests.faults.reading import TopicRecord
from tests.faults.ticket_fixtures import TicketFixtures
from tests.support import ticket_harness as rules
from tests.support.demo_rows import NOW, TOPICS
from tests.unit.faults.samples import build_fixture

ONE = TicketFixtures((build_fixture(0, id=1000, may_be_closed=True),))
CONTRACTS = {f"chatia.{kind.type}.v1": kind for kind in TicketRequest.__subclasses__()}


def build_requests(seed: int) -> list[TicketRequest]:
    """Return the requests of a round with this seed about the one ticket, each once."""
    context = requests.RequestContext(Random(seed), TOPICS, "test", NOW)
    found: dict[str, TicketRequest] = {}
    for raw in requests.write(context, ONE, 200).records:
        kind = dict(raw.headers)["ce_type"].decode()
        if kind in CONTRACTS and raw.dead_reason is None:
            request = CONTRACTS[kind].model_validate_json(raw.value or b"")
            if request.ticket_id == 1000:
                found[request.request_id] = request
    return list(found.values())


@pytest.mark.parametrize("seed", range(20))
def test_the_auditor_and_the_rules_decide_alike(seed: int) -> None:
    harness, state = rules.TicketHarness().add(rules.build_ticket()), TicketState()
    for request in build_requests(seed):
        ((fact,),) = apply_requests(harness, [request])
        body = json.loads(request.model_dump_json(by_alias=True, exclude_none=True))
        answer, state = decide_request(state, request.type, body)
        assert fact.type == answer
        if isinstance(fact, TicketChanged):
            assert TicketState(fact.status, fact.user_id, fact.queue_id) == state


def apply_requests(
    harness: rules.TicketHarness, asked: Sequence[TicketRequest]
) -> list[list[Event]]:
    """Return the facts of each request, without auto-replies."""
    published = [harness.request(request) for request in asked]
    return [[fact for fact in facts if fact.topic == "ticket.changed"] for facts in published]


def build_records(asked: Sequence[TicketRequest]) -> list[TopicRecord]:
    return [
        TopicRecord(
            "chatia.tickets.requests",
            0,
            offset,
            request.key.encode(),
            request.model_dump_json(by_alias=True, exclude_none=True).encode(),
            (("ce_type", request.ce_type().encode()),),
        )
        for offset, request in enumerate(asked)
    ]


def group_facts(facts: Sequence[Sequence[Event]]) -> dict[Cause, list[Fact]]:
    """Group facts by the record of their request, as the tickets service publishes them."""
    return {
        ("tickets", "chatia.tickets.requests", 0, offset): [
            Fact(
                TopicRecord(
                    "chatia.ticket.changed",
                    0,
                    10 * offset + index,
                    None,
                    fact.model_dump_json(by_alias=True, exclude_none=True).encode(),
                    (("ce_type", fact.ce_type().encode()),),
                ),
                "d/tickets/chatia.tickets.requests/0/1",
                f"{offset:020d}.{index:06d}",
            )
            for index, fact in enumerate(request_facts)
        ]
        for offset, request_facts in enumerate(facts)
    }


def build_row(harness: rules.TicketHarness, **other: object) -> SimpleNamespace:
    ticket = harness.get()
    given = {"id": 1000, "status": ticket.status, "user_id": ticket.user_id}
    return SimpleNamespace(**({**given, "queue_id": ticket.queue_id} | other))


def list_kinds(
    asked: Sequence[TicketRequest], facts: Sequence[Sequence[Event]], ticket: object
) -> set[str]:
    findings = check_ticket_requests(
        AnsweredRequests(ONE, build_records(asked), group_facts(facts)), [ticket]
    )
    return {finding.kind for finding in findings}


@pytest.fixture(name="asked")
def build_first_requests() -> list[TicketRequest]:
    return build_requests(1)[:6]


@pytest.fixture(name="harness")
def build_harness() -> rules.TicketHarness:
    return rules.TicketHarness().add(rules.build_ticket())


def test_nothing_is_found_where_each_request_has_its_answer(
    asked: list[TicketRequest], harness: rules.TicketHarness
) -> None:
    facts = apply_requests(harness, asked)
    assert list_kinds(asked, facts, build_row(harness)) == set()


def test_a_request_without_an_answer_is_lost(
    asked: list[TicketRequest], harness: rules.TicketHarness
) -> None:
    facts = apply_requests(harness, asked)
    assert LOST in list_kinds(asked, [*facts[:-1], []], build_row(harness))


def test_a_request_with_two_answers_is_found(
    asked: list[TicketRequest], harness: rules.TicketHarness
) -> None:
    facts = apply_requests(harness, asked)
    assert list_kinds(asked, [*facts[:-1], facts[-1] * 2], build_row(harness)) == {TWICE}


def test_a_repeated_request_has_the_answer_that_it_had(
    asked: list[TicketRequest], harness: rules.TicketHarness
) -> None:
    facts = apply_requests(harness, asked)
    again = [*asked, asked[0]]
    assert list_kinds(again, [*facts, facts[0]], build_row(harness)) == set()
    assert list_kinds(again, [*facts, facts[1]], build_row(harness)) == {WRONG}


def test_a_ticket_that_is_not_as_its_requests_left_it_is_found(
    asked: list[TicketRequest], harness: rules.TicketHarness
) -> None:
    facts = apply_requests(harness, asked)
    assert list_kinds(asked, facts, build_row(harness, user_id=99)) == {WRONG}


def test_requests_that_were_applied_in_another_order_are_found(
    harness: rules.TicketHarness,
) -> None:
    accepts = [request for request in build_requests(1) if isinstance(request, TicketAccept)]
    first = accepts[0]
    second = next(request for request in accepts if request.user_id != first.user_id)
    facts = apply_requests(harness, [second, first])
    assert WRONG in list_kinds([first, second], facts[::-1], build_row(harness))
