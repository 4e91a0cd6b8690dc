"""Requests about a ticket, one by one."""

from typing import Any

import pytest

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.policy import Policy
from services.tickets.domain.ticket import Attendance
from shared.contracts.base import Event
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Reject
from shared.contracts.ticket import (
    TicketAccepted,
    TicketChanged,
    TicketRated,
    TicketRefused,
    TicketTransferred,
)
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketNote,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTransfer,
)
from tests.support.build import at
from tests.support.ticket_harness import (
    CLOSING_QUEUE,
    TEMPLATES,
    TicketHarness,
    build_ticket,
    list_types,
)

RATING = Policy(asks_rating=True, templates=TEMPLATES)
CLOSING_ON_TRANSFER = Policy(closes_on_transfer=True)


def of(ticket_id: int = 1000, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": ticket_id, "request_id": request_id, **members}


def get_refusal(facts: list[Event]) -> TicketRefused:
    (fact,) = facts
    assert isinstance(fact, TicketRefused)
    return fact


def accept(**members: object) -> TicketHarness:
    given: dict[str, Any] = {"status": "open", "user_id": 5, "attendance": Attendance(1, user_id=5)}
    return TicketHarness().add(build_ticket(**(given | members)))


def test_a_user_accepts_a_waiting_ticket_and_its_attendance_starts() -> None:
    harness = TicketHarness().add(build_ticket(queue_id=7))
    (fact,) = harness.request(TicketAccept(**of(user_id=5)))
    assert isinstance(fact, TicketAccepted)
    assert (fact.request_id, fact.status, fact.user_id, fact.queue_id) == ("r1", "open", 5, 7)
    attendance = harness.get().attendance
    assert attendance is not None
    assert (attendance.id, attendance.user_id) == (1000, 5)
    assert attendance.started_at == harness.get().updated_at
    assert harness.list_logs() == ["open"]


def test_a_second_user_does_not_take_an_accepted_ticket_but_the_first_may_ask_again() -> None:
    harness = TicketHarness().add(build_ticket())
    first, second, again = harness.request(
        TicketAccept(**of(user_id=5)),
        TicketAccept(**of(request_id="r2", user_id=6)),
        TicketAccept(**of(request_id="r3", user_id=5)),
    )
    assert list_types([first, second, again]) == [
        "ticket.accepted",
        "ticket.refused",
        "ticket.accepted",
    ]
    assert get_refusal([second]).reason == "ticket already accepted"
    assert (harness.get().user_id, harness.list_logs()) == (5, ["open"])


def test_a_closed_ticket_that_is_accepted_goes_on_in_a_new_attendance() -> None:
    harness = TicketHarness().add(build_ticket(status="closed", closed_at=at()))
    assert list_types(harness.request(TicketAccept(**of(user_id=5)))) == ["ticket.accepted"]
    ticket = harness.get()
    assert (ticket.status, ticket.closed_at, harness.list_logs()) == ("open", None, ["reopen"])
    assert ticket.attendance is not None
    assert ticket.attendance.id is None


def test_a_closed_ticket_stays_so_when_its_contact_has_another_one() -> None:
    harness = TicketHarness().add(build_ticket(status="closed"), build_ticket(1001))
    refused = get_refusal(harness.request(TicketAccept(**of(user_id=5))))
    assert (refused.reason, refused.other_ticket_id) == ("the contact has another ticket", 1001)


def test_a_returned_ticket_waits_without_a_user() -> None:
    harness = accept()
    assert list_types(harness.request(TicketReturn(**of(actor_id=5)))) == ["ticket.returned"]
    ticket = harness.get()
    assert (ticket.status, ticket.user_id) == ("pending", None)
    assert ticket.attendance == Attendance(1)
    assert harness.list_logs() == ["pending"]


def test_a_queue_is_stamped_once_and_another_one_anew() -> None:
    harness = TicketHarness().add(build_ticket())
    harness.request(TicketQueue(**of(queue_id=7)))
    stamped = harness.get()
    harness.request(TicketQueue(**of(request_id="r2", queue_id=7)))
    assert harness.get() == stamped
    harness.request(TicketQueue(**of(request_id="r3", queue_id=8)))
    assert harness.get().open_attendance.queued_at == harness.get().updated_at != stamped.updated_at
    assert harness.list_logs() == ["queue", "queue"]


def test_a_queue_that_closes_does_so_at_once_and_without_a_reply() -> None:
    harness = TicketHarness(policy=RATING).add(build_ticket())
    queued, closed = harness.request(TicketQueue(**of(queue_id=CLOSING_QUEUE)))
    assert isinstance(queued, TicketChanged)
    assert isinstance(closed, TicketChanged)
    assert (queued.type, queued.status) == ("ticket.queued", "pending")
    assert (closed.type, closed.status) == ("ticket.closed", "closed")
    assert closed.version == queued.version + 1
    assert {queued.request_id, closed.request_id} == {"r1"}


def test_a_transferred_ticket_is_with_its_new_user_or_waits_in_its_new_queue() -> None:
    harness = accept(queue_id=7)
    harness.request(TicketTransfer(**of(user_id=6)))
    assert (harness.get().status, harness.get().user_id, harness.get().queue_id) == ("open", 6, 7)
    harness.request(TicketTransfer(**of(request_id="r2", queue_id=8)))
    assert (harness.get().status, harness.get().user_id, harness.get().queue_id) == (
        "pending",
        None,
        8,
    )
    assert harness.list_logs() == ["transfered", "receivedTransfer"] * 2


def test_with_close_on_transfer_another_queue_means_another_ticket() -> None:
    harness = TicketHarness(policy=CLOSING_ON_TRANSFER).add(
        build_ticket(status="open", user_id=5, unread_messages=3)
    )
    opened, transferred = harness.request(TicketTransfer(**of(queue_id=8, user_id=6)))
    assert isinstance(opened, TicketChanged)
    assert isinstance(transferred, TicketTransferred)
    assert (transferred.status, transferred.successor_ticket_id) == ("closed", opened.ticket_id)
    assert (transferred.unread_messages, opened.unread_messages) == (0, 3)
    assert (opened.type, opened.status, opened.user_id, opened.queue_id) == (
        "ticket.opened", "open", 6, 8,
    )  # fmt: skip
    assert harness.successors == {TicketKey(1, 1000): opened.ticket_id}
    assert harness.list_logs() == ["transfered", "closed"]
    assert harness.list_logs(opened.ticket_id) == ["receivedTransfer"]


def test_what_was_handed_over_is_not_accepted_again() -> None:
    harness = TicketHarness(policy=CLOSING_ON_TRANSFER).add(build_ticket())
    harness.request(TicketTransfer(**of(queue_id=8)))
    successor = harness.successors[TicketKey(1, 1000)]
    harness.request(TicketClose(**of(successor, "r2")))
    refused = get_refusal(harness.request(TicketAccept(**of(request_id="r3", user_id=5))))
    assert (refused.reason, refused.other_ticket_id) == ("ticket goes on as another one", successor)


def test_a_successor_of_a_successor_follows_both() -> None:
    harness = TicketHarness(policy=CLOSING_ON_TRANSFER).add(build_ticket())
    harness.request(TicketTransfer(**of(queue_id=7)))
    second = harness.successors[TicketKey(1, 1000)]
    harness.request(TicketTransfer(**of(second, "r2", queue_id=8)))
    third = harness.successors[TicketKey(1, second)]
    assert harness.successors == {TicketKey(1, 1000): third, TicketKey(1, second): third}


def test_a_note_of_a_transfer_is_private_and_the_contact_gets_a_text_where_so_set() -> None:
    harness = TicketHarness(policy=Policy(templates=TEMPLATES)).add(build_ticket())
    facts = harness.request(TicketTransfer(**of(user_id=5, note="Quer desconto")))
    replies = [fact for fact in facts if isinstance(fact, MessageCompose)]
    assert [(reply.body, reply.is_private) for reply in replies] == [
        ("Um momento.", False),
        ("Quer desconto", True),
    ]
    assert len({reply.request_id for reply in replies}) == 2


def test_a_closed_ticket_has_ended_its_attendance() -> None:
    harness = accept()
    assert list_types(harness.request(TicketClose(**of(actor_id=6)))) == ["ticket.closed"]
    ticket = harness.get()
    ((key, attendance),) = harness.finished
    assert (ticket.status, ticket.closed_at, ticket.attendance) == (
        "closed", ticket.updated_at, None,
    )  # fmt: skip
    assert (key, attendance.id, attendance.user_id) == (TicketKey(1, 1000), 1, 5)
    assert attendance.finished_at == attendance.closed_at == ticket.closed_at
    assert harness.list_logs() == ["closed"]


def test_a_contact_is_asked_for_a_mark_and_gives_it() -> None:
    harness = TicketHarness(policy=RATING).add(build_ticket(status="open", user_id=5))
    asked, question = harness.request(TicketClose(**of()))
    assert isinstance(asked, TicketChanged)
    assert isinstance(question, MessageCompose)
    assert (asked.type, asked.status, question.body) == ("ticket.updated", "nps", "De 0 a 10?")
    assert (harness.get().rating_questions, harness.get().open_attendance.finished_at) == (1, None)
    rated, thanks = harness.request(TicketRate(**of(request_id="r2", rate=9)))
    assert isinstance(rated, TicketRated)
    assert isinstance(thanks, MessageCompose)
    assert (rated.status, rated.rate, thanks.body) == ("closed", 9, "Obrigado!")
    assert harness.last is not None
    (row,) = harness.last.ratings
    assert (row.ticket_id, row.user_id, row.rate) == (1000, 5, 9)
    assert harness.finished[-1][1].rated
    assert harness.list_logs() == ["nps", "closed"]


@pytest.mark.parametrize(
    ("policy", "members", "silent"),
    [
        pytest.param(Policy(), {}, False, id="no ratings"),
        pytest.param(RATING, {}, True, id="silent"),
        pytest.param(RATING, {"status": "group", "is_group": True}, False, id="a group"),
        pytest.param(RATING, {"is_group": True}, False, id="a group as a ticket"),
        pytest.param(RATING, {"status": "lgpd"}, False, id="no consent"),
        pytest.param(RATING, {"status": "nps"}, False, id="asked already"),
        pytest.param(RATING, {"attendance": Attendance(1, rating_at=at())}, False, id="given"),
    ],
)
def test_a_ticket_is_closed_without_a_question(
    policy: Policy, members: dict[str, Any], silent: bool
) -> None:
    harness = TicketHarness(policy=policy).add(build_ticket(**members))
    facts = harness.request(TicketClose(**of(silent=silent)))
    assert list_types(facts)[0] == "ticket.closed"


def test_a_mark_asked_for_is_forgotten_when_a_user_goes_on() -> None:
    harness = TicketHarness(policy=RATING).add(build_ticket(status="open", user_id=5))
    harness.request(TicketClose(**of()), TicketAccept(**of(request_id="r2", user_id=6)))
    assert (harness.get().status, harness.get().user_id, harness.get().rating_questions) == (
        "open",
        6,
        0,
    )
    assert harness.get().open_attendance.closed_at is None


@pytest.mark.parametrize(
    ("members", "replies"),
    [
        pytest.param({"status": "open", "user_id": 5}, ["Obrigado!"], id="the line's"),
        pytest.param({"status": "pending"}, [], id="none to one who waits"),
        pytest.param({"status": "group", "is_group": True}, [], id="none to a group"),
    ],
)
def test_a_farewell_is_sent(members: dict[str, Any], replies: list[str]) -> None:
    harness = TicketHarness(policy=Policy(templates=TEMPLATES)).add(build_ticket(**members))
    facts = harness.request(TicketClose(**of()))
    assert [fact.body for fact in facts if isinstance(fact, MessageCompose)] == replies


def test_the_users_own_farewell_comes_first() -> None:
    harness = TicketHarness(policy=Policy(templates=TEMPLATES)).add(build_ticket())
    facts = harness.request(TicketAccept(**of(user_id=6)), TicketClose(**of(request_id="r2")))
    assert [fact.body for fact in facts if isinstance(fact, MessageCompose)] == ["Tchau, 6."]


def test_a_note_changes_nothing_but_its_table() -> None:
    harness = TicketHarness().add(build_ticket(status="closed"))
    before = harness.get()
    assert list_types(harness.request(TicketNote(**of(actor_id=5, note="Liga amanhã")))) == [
        "ticket.noted"
    ]
    assert harness.last is not None
    (row,) = harness.last.notes
    assert (row.ticket_id, row.contact_id, row.user_id, row.note) == (1000, 100, 5, "Liga amanhã")
    assert harness.get() == before


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (TicketAccept(**of(1, user_id=5)), "open", "no such ticket"),
        (TicketAccept(**of(user_id=77)), "pending", "no such user"),
        (TicketClose(**of(actor_id=77)), "pending", "no such user"),
        (TicketAccept(**of(user_id=5, queue_id=77)), "pending", "no such queue"),
        (TicketQueue(**of(queue_id=77)), "pending", "no such queue"),
        (TicketAccept(**of(user_id=5)), "lgpd", "the contact has not consented yet"),
        (TicketReturn(**of()), "pending", "ticket is not accepted"),
        (TicketReturn(**of()), "nps", "ticket is being rated"),
        (TicketQueue(**of(queue_id=7)), "closed", "ticket is closed"),
        (TicketTransfer(**of()), "open", "neither a user nor a queue is named"),
        (
            TicketTransfer(**of(user_id=5)),
            "group",
            "ticket is a group's: it has no user and no queue",
        ),
        (TicketClose(**of()), "closed", "ticket is closed"),
        (TicketRate(**of(rate=5)), "open", "ticket is not being rated"),
        (TicketRate(**of(rate=5)), "closed", "ticket is closed"),
        (TicketNote(**of(note=" ? ")), "open", "a note has at least 3 characters"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    request_: TicketRequest, status: str, reason: str
) -> None:
    harness = TicketHarness().add(build_ticket(status=status))
    before = dict(harness.tickets)
    refused = get_refusal(harness.request(request_))
    assert (refused.reason, refused.request_id) == (reason, "r1")
    assert harness.tickets == before
    assert harness.logs == []


def test_a_request_of_a_company_that_is_not_there_is_rejected() -> None:
    harness = TicketHarness().add(build_ticket())
    assert harness.request(TicketClose(**of() | {"company_id": 2})) == []
    assert harness.last is not None
    (rejected,) = harness.last.outcome
    assert isinstance(rejected, Reject)
    assert rejected.reason == "unknown-company"
