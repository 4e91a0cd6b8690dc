import json
from collections.abc import Sequence
from random import Random
from types import SimpleNamespace

import pytest

from shared.contracts.base import Event
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketAccept, TicketRequest
from tests.faults import requests
from tests.faults.audit_requests import Asked, Standing, decided, steps
from tests.faults.desk import Desk
from tests.faults.findings import LOST, TWICE, UNTRUE
from tests.faults.laws import Cause, Fact
from tests.faults.reading import Heard
from tests.support import desk as rules
from tests.support.demo_stage import NOW, TOPICS
from tests.unit.faults.samples import held

ONE = Desk((held(0, id=1000, may_be_closed=True),))
CONTRACTS = {f"chatia.{kind.type}.v1": kind for kind in TicketRequest.__subclasses__()}


def asked_for(seed: int) -> list[TicketRequest]:
    """Give the steps that a round of this seed asks for about the one ticket, each once."""
    office = requests.Office(Random(seed), TOPICS, "test", NOW)
    found: dict[str, TicketRequest] = {}
    for raw in requests.write(office, ONE, 200).records:
        kind = dict(raw.headers)["ce_type"].decode()
        if kind in CONTRACTS and raw.dead is None:
            request = CONTRACTS[kind].model_validate_json(raw.value or b"")
            if request.ticket_id == 1000:
                found[request.request_id] = request
    return list(found.values())


@pytest.mark.parametrize("seed", range(20))
def test_the_auditor_and_the_house_decide_alike(seed: int) -> None:
    house, stood = rules.Desk().hold(rules.held()), Standing()
    for request in asked_for(seed):
        ((fact,),) = answers(house, [request])
        body = json.loads(request.model_dump_json(by_alias=True, exclude_none=True))
        answer, stood = decided(stood, request.type, body)
        assert fact.type == answer
        if isinstance(fact, TicketChanged):
            assert Standing(fact.status, fact.user_id, fact.queue_id) == stood


def answers(house: rules.Desk, asked: Sequence[TicketRequest]) -> list[list[Event]]:
    """Let the house answer; what it says to the contact besides is not the answer."""
    told = [house.ask(request) for request in asked]
    return [[fact for fact in facts if fact.topic == "ticket.changed"] for facts in told]


def heard(asked: Sequence[TicketRequest]) -> list[Heard]:
    return [
        Heard(
            "chatia.tickets.requests",
            0,
            offset,
            request.key.encode(),
            request.model_dump_json(by_alias=True, exclude_none=True).encode(),
            (("ce_type", request.ce_type().encode()),),
        )
        for offset, request in enumerate(asked)
    ]


def told(facts: Sequence[Sequence[Event]]) -> dict[Cause, list[Fact]]:
    """Tell answers as the tickets service does, the ones of a request under its place."""
    return {
        ("tickets", "chatia.tickets.requests", 0, offset): [
            Fact(
                Heard(
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
            for index, fact in enumerate(found)
        ]
        for offset, found in enumerate(facts)
    }


def row(house: rules.Desk, **other: object) -> SimpleNamespace:
    ticket = house.of()
    given = {"id": 1000, "status": ticket.status, "user_id": ticket.user_id}
    return SimpleNamespace(**({**given, "queue_id": ticket.queue_id} | other))


def kinds(
    asked: Sequence[TicketRequest], facts: Sequence[Sequence[Event]], ticket: object
) -> set[str]:
    found = steps(Asked(ONE, heard(asked), told(facts)), [ticket])
    return {finding.kind for finding in found}


@pytest.fixture(name="asked")
def first_steps() -> list[TicketRequest]:
    return asked_for(1)[:6]


@pytest.fixture(name="house")
def a_house() -> rules.Desk:
    return rules.Desk().hold(rules.held())


def test_nothing_is_found_where_each_request_has_its_answer(
    asked: list[TicketRequest], house: rules.Desk
) -> None:
    facts = answers(house, asked)
    assert kinds(asked, facts, row(house)) == set()


def test_a_request_without_an_answer_is_lost(asked: list[TicketRequest], house: rules.Desk) -> None:
    facts = answers(house, asked)
    assert LOST in kinds(asked, [*facts[:-1], []], row(house))


def test_a_request_with_two_answers_was_granted_twice(
    asked: list[TicketRequest], house: rules.Desk
) -> None:
    facts = answers(house, asked)
    assert kinds(asked, [*facts[:-1], facts[-1] * 2], row(house)) == {TWICE}


def test_a_repeated_request_has_the_answer_that_it_had(
    asked: list[TicketRequest], house: rules.Desk
) -> None:
    facts = answers(house, asked)
    again = [*asked, asked[0]]
    assert kinds(again, [*facts, facts[0]], row(house)) == set()
    assert kinds(again, [*facts, facts[1]], row(house)) == {UNTRUE}


def test_a_ticket_that_is_not_as_its_requests_left_it_is_found(
    asked: list[TicketRequest], house: rules.Desk
) -> None:
    facts = answers(house, asked)
    assert kinds(asked, facts, row(house, user_id=99)) == {UNTRUE}


def test_requests_that_were_granted_in_another_order_are_found(house: rules.Desk) -> None:
    accepts = [request for request in asked_for(1) if isinstance(request, TicketAccept)]
    first = accepts[0]
    second = next(request for request in accepts if request.user_id != first.user_id)
    facts = answers(house, [second, first])
    assert UNTRUE in kinds([first, second], facts[::-1], row(house))
