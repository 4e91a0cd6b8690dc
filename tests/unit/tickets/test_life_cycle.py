"""What becomes of a ticket when something is asked about it (schema.md 5)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tickets.rules.answers import Heard
from services.tickets.rules.tickets import Attendance, Queue, Wants
from services.tickets.rules.waiting import DRAW, EXPIRE, EXPIRE_RATING, REDIRECT, WARN
from shared.contracts.base import Event
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Dead, Told
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
    TicketMove,
    TicketNote,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTag,
    TicketTransfer,
    TicketUntag,
    TicketView,
)
from tests.support.build import at, identified
from tests.support.desk import CLOSING_QUEUE, TAGS, WORDS, Desk, held, types

RATING = Wants(asks_rating=True, words=WORDS)
HANDING_OVER = Wants(closes_on_transfer=True)


def of(ticket_id: int = 1000, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": ticket_id, "request_id": request_id, **members}


def refusal(facts: list[Event]) -> TicketRefused:
    (fact,) = facts
    assert isinstance(fact, TicketRefused)
    return fact


def accepted(**members: object) -> Desk:
    given: dict[str, Any] = {"status": "open", "user_id": 5, "attendance": Attendance(1, user_id=5)}
    return Desk().hold(held(**(given | members)))


def test_a_user_accepts_a_waiting_ticket_and_its_attendance_starts() -> None:
    desk = Desk().hold(held(queue_id=7))
    (fact,) = desk.ask(TicketAccept(**of(user_id=5)))
    assert isinstance(fact, TicketAccepted)
    assert (fact.request_id, fact.status, fact.user_id, fact.queue_id) == ("r1", "open", 5, 7)
    attendance = desk.of().attendance
    assert attendance is not None
    assert (attendance.id, attendance.user_id) == (1000, 5)
    assert attendance.started_at == desk.of().updated_at
    assert desk.logged() == ["open"]


def test_a_second_user_does_not_take_an_accepted_ticket_but_the_first_may_ask_again() -> None:
    desk = Desk().hold(held())
    first, second, again = desk.ask(
        TicketAccept(**of(user_id=5)),
        TicketAccept(**of(request_id="r2", user_id=6)),
        TicketAccept(**of(request_id="r3", user_id=5)),
    )
    assert types([first, second, again]) == ["ticket.accepted", "ticket.refused", "ticket.accepted"]
    assert refusal([second]).reason == "ticket already accepted"
    assert (desk.of().user_id, desk.logged()) == (5, ["open"])


def test_a_closed_ticket_that_is_accepted_goes_on_in_a_new_attendance() -> None:
    desk = Desk().hold(held(status="closed", closed_at=at()))
    assert types(desk.ask(TicketAccept(**of(user_id=5)))) == ["ticket.accepted"]
    ticket = desk.of()
    assert (ticket.status, ticket.closed_at, desk.logged()) == ("open", None, ["reopen"])
    assert ticket.attendance is not None
    assert ticket.attendance.id is None


def test_a_closed_ticket_stays_so_when_its_contact_has_another_one() -> None:
    desk = Desk().hold(held(status="closed"), held(1001))
    refused = refusal(desk.ask(TicketAccept(**of(user_id=5))))
    assert (refused.reason, refused.other_ticket_id) == ("the contact has another ticket", 1001)


def test_a_returned_ticket_waits_without_a_user() -> None:
    desk = accepted()
    assert types(desk.ask(TicketReturn(**of(actor_id=5)))) == ["ticket.returned"]
    ticket = desk.of()
    assert (ticket.status, ticket.user_id) == ("pending", None)
    assert ticket.attendance == Attendance(1)
    assert desk.logged() == ["pending"]


def test_a_queue_is_stamped_once_and_another_one_anew() -> None:
    desk = Desk().hold(held())
    desk.ask(TicketQueue(**of(queue_id=7)))
    stamped = desk.of()
    desk.ask(TicketQueue(**of(request_id="r2", queue_id=7)))
    assert desk.of() == stamped
    desk.ask(TicketQueue(**of(request_id="r3", queue_id=8)))
    assert desk.of().attended.queued_at == desk.of().updated_at != stamped.updated_at
    assert desk.logged() == ["queue", "queue"]


def test_a_queue_that_closes_does_so_at_once_and_without_a_word() -> None:
    desk = Desk(wants=RATING).hold(held())
    queued, closed = desk.ask(TicketQueue(**of(queue_id=CLOSING_QUEUE)))
    assert isinstance(queued, TicketChanged)
    assert isinstance(closed, TicketChanged)
    assert (queued.type, queued.status) == ("ticket.queued", "pending")
    assert (closed.type, closed.status) == ("ticket.closed", "closed")
    assert closed.version == queued.version + 1
    assert {queued.request_id, closed.request_id} == {"r1"}


def test_a_transferred_ticket_is_with_its_new_user_or_waits_in_its_new_queue() -> None:
    desk = accepted(queue_id=7)
    desk.ask(TicketTransfer(**of(user_id=6)))
    assert (desk.of().status, desk.of().user_id, desk.of().queue_id) == ("open", 6, 7)
    desk.ask(TicketTransfer(**of(request_id="r2", queue_id=8)))
    assert (desk.of().status, desk.of().user_id, desk.of().queue_id) == ("pending", None, 8)
    assert desk.logged() == ["transfered", "receivedTransfer"] * 2


def test_where_the_company_wants_so_another_queue_means_another_ticket() -> None:
    desk = Desk(wants=HANDING_OVER).hold(held(status="open", user_id=5, unread_messages=3))
    opened, transferred = desk.ask(TicketTransfer(**of(queue_id=8, user_id=6)))
    assert isinstance(opened, TicketChanged)
    assert isinstance(transferred, TicketTransferred)
    assert (transferred.status, transferred.successor_ticket_id) == ("closed", opened.ticket_id)
    assert (transferred.unread_messages, opened.unread_messages) == (0, 3)
    assert (opened.type, opened.status, opened.user_id, opened.queue_id) == (
        "ticket.opened", "open", 6, 8,
    )  # fmt: skip
    assert desk.successors == {(1, 1000): opened.ticket_id}
    assert desk.logged() == ["transfered", "closed"]
    assert desk.logged(opened.ticket_id) == ["receivedTransfer"]


def test_what_was_handed_over_is_not_accepted_again() -> None:
    desk = Desk(wants=HANDING_OVER).hold(held())
    desk.ask(TicketTransfer(**of(queue_id=8)))
    successor = desk.successors[1, 1000]
    desk.ask(TicketClose(**of(successor, "r2")))
    refused = refusal(desk.ask(TicketAccept(**of(request_id="r3", user_id=5))))
    assert (refused.reason, refused.other_ticket_id) == ("ticket goes on as another one", successor)


def test_a_successor_of_a_successor_follows_both() -> None:
    desk = Desk(wants=HANDING_OVER).hold(held())
    desk.ask(TicketTransfer(**of(queue_id=7)))
    second = desk.successors[1, 1000]
    desk.ask(TicketTransfer(**of(second, "r2", queue_id=8)))
    third = desk.successors[1, second]
    assert desk.successors == {(1, 1000): third, (1, second): third}


def test_a_note_of_a_transfer_is_private_and_the_contact_is_told_of_it_where_so_set() -> None:
    desk = Desk(wants=Wants(words=WORDS)).hold(held())
    facts = desk.ask(TicketTransfer(**of(user_id=5, note="Quer desconto")))
    said = [fact for fact in facts if isinstance(fact, MessageCompose)]
    assert [(s.body, s.is_private) for s in said] == [
        ("Um momento.", False),
        ("Quer desconto", True),
    ]
    assert len({s.request_id for s in said}) == 2


def test_a_closed_ticket_has_ended_its_attendance() -> None:
    desk = accepted()
    assert types(desk.ask(TicketClose(**of(actor_id=6)))) == ["ticket.closed"]
    ticket = desk.of()
    ((key, attendance),) = desk.finished
    assert (ticket.status, ticket.closed_at, ticket.attendance) == (
        "closed", ticket.updated_at, None,
    )  # fmt: skip
    assert (key, attendance.id, attendance.user_id) == ((1, 1000), 1, 5)
    assert attendance.finished_at == attendance.closed_at == ticket.closed_at
    assert desk.logged() == ["closed"]


def test_a_contact_is_asked_for_a_mark_and_gives_it() -> None:
    desk = Desk(wants=RATING).hold(held(status="open", user_id=5))
    asked, question = desk.ask(TicketClose(**of()))
    assert isinstance(asked, TicketChanged)
    assert isinstance(question, MessageCompose)
    assert (asked.type, asked.status, question.body) == ("ticket.updated", "nps", "De 0 a 10?")
    assert (desk.of().rating_questions, desk.of().attended.finished_at) == (1, None)
    rated, thanks = desk.ask(TicketRate(**of(request_id="r2", rate=9)))
    assert isinstance(rated, TicketRated)
    assert isinstance(thanks, MessageCompose)
    assert (rated.status, rated.rate, thanks.body) == ("closed", 9, "Obrigado!")
    assert desk.last is not None
    (row,) = desk.last.ratings
    assert (row.ticket_id, row.user_id, row.rate) == (1000, 5, 9)
    assert desk.finished[-1][1].rated
    assert desk.logged() == ["nps", "closed"]


@pytest.mark.parametrize(
    ("wants", "members", "silent"),
    [
        pytest.param(Wants(), {}, False, id="nobody wants marks"),
        pytest.param(RATING, {}, True, id="silent"),
        pytest.param(RATING, {"status": "group", "is_group": True}, False, id="a group"),
        pytest.param(RATING, {"is_group": True}, False, id="a group as a ticket"),
        pytest.param(RATING, {"status": "lgpd"}, False, id="no consent"),
        pytest.param(RATING, {"status": "nps"}, False, id="asked already"),
        pytest.param(RATING, {"attendance": Attendance(1, rating_at=at())}, False, id="given"),
    ],
)
def test_a_ticket_is_closed_without_a_question(
    wants: Wants, members: dict[str, Any], silent: bool
) -> None:
    desk = Desk(wants=wants).hold(held(**members))
    facts = desk.ask(TicketClose(**of(silent=silent)))
    assert types(facts)[0] == "ticket.closed"


def test_a_mark_asked_for_is_forgotten_when_a_user_goes_on() -> None:
    desk = Desk(wants=RATING).hold(held(status="open", user_id=5))
    desk.ask(TicketClose(**of()), TicketAccept(**of(request_id="r2", user_id=6)))
    assert (desk.of().status, desk.of().user_id, desk.of().rating_questions) == ("open", 6, 0)
    assert desk.of().attended.closed_at is None


@pytest.mark.parametrize(
    ("ticket", "words"),
    [
        pytest.param({"status": "open", "user_id": 5}, ["Obrigado!"], id="the line's"),
        pytest.param({"status": "pending"}, [], id="none to one who waits"),
        pytest.param({"status": "group", "is_group": True}, [], id="none to a group"),
    ],
)
def test_a_good_bye_is_said(ticket: dict[str, Any], words: list[str]) -> None:
    desk = Desk(wants=Wants(words=WORDS)).hold(held(**ticket))
    facts = desk.ask(TicketClose(**of()))
    assert [fact.body for fact in facts if isinstance(fact, MessageCompose)] == words


def test_the_users_own_good_bye_comes_first() -> None:
    desk = Desk(wants=Wants(words=WORDS)).hold(held())
    facts = desk.ask(TicketAccept(**of(user_id=6)), TicketClose(**of(request_id="r2")))
    assert [fact.body for fact in facts if isinstance(fact, MessageCompose)] == ["Tchau, 6."]


def test_a_note_changes_nothing_but_its_table() -> None:
    desk = Desk().hold(held(status="closed"))
    before = desk.of()
    assert types(desk.ask(TicketNote(**of(actor_id=5, note="Liga amanhã")))) == ["ticket.noted"]
    assert desk.last is not None
    (row,) = desk.last.notes
    assert (row.ticket_id, row.contact_id, row.user_id, row.note) == (1000, 100, 5, "Liga amanhã")
    assert desk.of() == before


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
    desk = Desk().hold(held(status=status))
    before = dict(desk.tickets)
    refused = refusal(desk.ask(request_))
    assert (refused.reason, refused.request_id) == (reason, "r1")
    assert desk.tickets == before
    assert desk.logs == []


def test_a_request_of_a_company_that_is_not_there_is_given_up() -> None:
    desk = Desk().hold(held())
    assert desk.ask(TicketClose(**of() | {"company_id": 2})) == []
    assert desk.last is not None
    (dead,) = desk.last.outcome
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-company"


TICKETS = st.integers(1000, 1005)
TAG, LANE = st.sampled_from(list(TAGS)), st.sampled_from([None, 21, 22])
USER, QUEUE = st.sampled_from([5, 6]), st.sampled_from([7, 8, 9])
ONE_OF = [
    st.builds(lambda t, u, q: TicketAccept(**of(t, user_id=u, queue_id=q)),
              TICKETS, USER, st.none() | QUEUE),
    st.builds(lambda t: TicketReturn(**of(t)), TICKETS),
    st.builds(lambda t, q: TicketQueue(**of(t, queue_id=q)), TICKETS, QUEUE),
    st.builds(lambda t, u, q: TicketTransfer(**of(t, user_id=u, queue_id=q)),
              TICKETS, st.none() | USER, st.none() | QUEUE),
    st.builds(lambda t, s: TicketClose(**of(t, silent=s)), TICKETS, st.booleans()),
    st.builds(lambda t, r: TicketRate(**of(t, rate=r)), TICKETS, st.integers(0, 10)),
    st.builds(lambda t: TicketNote(**of(t, note="Nota")), TICKETS),
    st.builds(lambda t, tag: TicketTag(**of(t, tag_ids=(tag,))), TICKETS, st.sampled_from([1, 2])),
    st.builds(lambda t, tag: TicketUntag(**of(t, tag_ids=(tag,))), TICKETS, TAG),
    st.builds(lambda t, lane: TicketMove(**of(t, lane_id=lane)), TICKETS, LANE),
    st.builds(lambda t: TicketView(**of(t)), TICKETS),
]  # fmt: skip
REQUESTS = st.one_of(ONE_OF)
CONTACTS = st.sampled_from([100, 101])
WROTE = st.tuples(st.just("wrote"), CONTACTS)
ANSWERED = st.tuples(st.just("answered"), TICKETS, st.sampled_from(["1", "2", "9", "oi", "sair"]))
FELL_DUE = st.tuples(
    st.just("fell due"), TICKETS, st.sampled_from([WARN, EXPIRE, EXPIRE_RATING, REDIRECT, DRAW])
)
MERGED = st.tuples(st.just("merged"), st.sampled_from([(100, 101), (101, 100)]))
HAPPENINGS = st.lists(
    st.lists(REQUESTS, min_size=1, max_size=5) | WROTE | ANSWERED | FELL_DUE | MERGED, max_size=16
)
ONE, TWO = Queue(7, "Vendas"), Queue(9, "Fim", closes=True)
MENUS = st.sampled_from([(), (ONE,), (ONE, TWO)])
WANTS = st.builds(
    Wants,
    asks_rating=st.booleans(),
    closes_on_transfer=st.booleans(),
    most_rating_questions=st.integers(0, 2),
    most_bot_questions=st.integers(0, 2),
    menu=MENUS,
    words=st.just(WORDS),
)
WHEN_DUE = {  # what the database looks for before it says that something is due
    WARN: {"open"}, EXPIRE: {"open"}, EXPIRE_RATING: {"nps"}, REDIRECT: {"pending"},
    DRAW: {"pending"},
}  # fmt: skip


def happens(desk: Desk, number: int, what: Any) -> list[Event]:
    match what:
        case "wrote", contact_id:
            desk.hear(identified(f"A{number}", contact_id=contact_id, timestamp=desk.now))
        case "answered", ticket_id, words:
            return list(desk.answer(Heard(words), ticket_id=ticket_id))
        case "fell due", ticket_id, due:
            known = desk.tickets.get((1, ticket_id))
            if known and known.status in WHEN_DUE[due]:
                return list(desk.pass_time(due, ticket_id, queue_id=8, user_id=6))
        case "merged", (winner, loser):
            outcome = desk.merge(winner, loser)
            return [item.fact for item in outcome if isinstance(item, Told)]
        case _:
            return desk.ask(*what)
    return []


def lives(desk: Desk) -> list[int]:
    return [t.contact_id for t in desk.tickets.values() if t.status != "closed"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    happenings=HAPPENINGS,
    wants=WANTS,
    reopen_minutes=st.sampled_from([0, 60]),
    asks_consent=st.booleans(),
)
def test_nothing_that_happens_breaks_a_rule(
    happenings: list[Any], wants: Wants, reopen_minutes: int, asks_consent: bool
) -> None:
    desk = Desk(wants=wants, reopen_minutes=reopen_minutes, asks_consent=asks_consent)
    versions: dict[int, int] = {}
    for number, happening in enumerate(happenings):
        before = {t.id: (t.status, t.user_id) for t in desk.tickets.values()}
        for fact in happens(desk, number, happening):
            if not isinstance(fact, TicketChanged):
                continue
            status, user_id = before.get(fact.ticket_id, ("", None))
            if isinstance(fact, TicketAccepted) and status == "open" and user_id:
                assert fact.user_id == user_id
            before[fact.ticket_id] = (fact.status, fact.user_id)
            assert fact.version >= versions.get(fact.ticket_id, 0)
            versions[fact.ticket_id] = fact.version
        assert len(lives(desk)) == len(set(lives(desk)))
        for ticket in desk.tickets.values():
            assert sum(tag.is_lane for tag in ticket.tags) <= 1
            assert (ticket.status == "closed") == (ticket.attendance is None)
            assert ticket.attendance is None or ticket.attendance.finished_at is None
        assert all(attendance.finished_at for _, attendance in desk.finished)
        newest = set(desk.successors.values())
        assert not newest & {ticket_id for _, ticket_id in desk.successors}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batch=st.lists(REQUESTS.filter(lambda r: r.ticket_id <= 1002), max_size=12), wants=WANTS)
def test_where_a_batch_is_cut_changes_nothing(batch: list[TicketRequest], wants: Wants) -> None:
    ends = []
    for pieces in ([batch], [[request] for request in batch]):
        desk = Desk(wants=wants).hold(
            held(1000), held(1001, status="closed"), held(1002, contact_id=101)
        )
        told = [fact for piece in pieces for fact in desk.ask(*piece)]
        ids = {"ticket_id", "version", "successor_ticket_id", "other_ticket_id"}
        facts = [
            f.model_dump(exclude=ids) | {"type": f.type}
            for f in told
            if not isinstance(f, MessageCompose)
        ]
        state = [
            (t.status, t.user_id, t.queue_id, t.rating_questions, t.attendance is None, t.tags)
            for t in desk.tickets.values()
        ]
        ends.append((facts, state, desk.logs, len(desk.finished)))
    assert ends[0] == ends[1]
