"""Where the ignored members of requests and jobs are named."""

import pytest
from structlog.testing import capture_logs

from shared.contracts.base import Event
from shared.contracts.catalogue import load_contracts
from shared.contracts.outcome import Emit
from shared.contracts.ticket import TicketClosed, TicketRefused
from shared.contracts.ticket_request import TicketClose
from shared.delivery.batch.ignored_members import add_to_answer, collect, log_names
from tests.support.build import job, received, stored

REQUEST = TicketClose(company_id=1, request_id="r", ticket_id=5)
ANSWER = TicketRefused(company_id=1, ticket_id=5, request_id="r", reason="No.")
EVENTS = [event for events in load_contracts().values() for event in events]


def test_an_answer_names_the_ignored_members_of_its_request() -> None:
    fact = add_to_answer(Emit(REQUEST, ANSWER), {id(REQUEST): ("mediaUrl", "scheduledAt")})
    assert fact == ANSWER.model_copy(update={"ignored": ("mediaUrl", "scheduledAt")})
    assert '"ignored":["mediaUrl","scheduledAt"]' in fact.model_dump_json(by_alias=True)


def test_an_answer_to_a_request_without_such_members_is_unchanged() -> None:
    assert add_to_answer(Emit(REQUEST, ANSWER), {}) is ANSWER
    assert "ignored" not in ANSWER.model_dump_json(by_alias=True, exclude_none=True)


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param(ANSWER.model_copy(update={"request_id": "other"}), id="another request's"),
        pytest.param(stored(), id="of no request"),
        pytest.param(received(), id="no answer at all"),
    ],
)
def test_other_facts_of_a_request_do_not_name_them(fact: Event) -> None:
    assert add_to_answer(Emit(REQUEST, fact), {id(REQUEST): ("x",)}) is fact


@pytest.mark.parametrize(
    "contract",
    [e for e in EVENTS if "request_id" in e.model_fields and not e.names_ignored],
    ids=lambda event: event.__name__,
)
def test_every_fact_that_answers_a_request_has_room_for_them(contract: type[Event]) -> None:
    assert "ignored" in contract.model_fields


def test_the_ignored_members_of_jobs_are_logged_once_for_each_type() -> None:
    jobs = [job(f"55119000000{n:02}") for n in range(40)]
    ignored = {id(each): ("mediaUrl", f"extra{n}") for n, each in enumerate(jobs)}
    names = collect([*jobs, REQUEST], ignored | {id(REQUEST): ("x",)})
    with capture_logs() as logs:
        log_names("campaigns", names)
    (entry,) = logs
    assert (entry["event"], entry["type"]) == ("event.members_ignored", "chatia.campaign.send.v1")
    assert entry["ignored"][:3] == ("mediaUrl", "extra0", "extra1")
    assert len(entry["ignored"]) == 20


def test_nothing_is_logged_where_nothing_was_ignored() -> None:
    with capture_logs() as logs:
        log_names("campaigns", collect([job()], {}))
    assert logs == []


def test_the_closed_ticket_is_an_answer_too() -> None:
    closed = TicketClosed(
        company_id=1, ticket_id=5, version=1, status="closed", contact_id=1, whatsapp_id=1,
        request_id="r",
    )  # fmt: skip
    assert add_to_answer(Emit(REQUEST, closed), {id(REQUEST): ("x",)}) == closed.model_copy(
        update={"ignored": ("x",)}
    )
