"""Rules that hold whatever happens to tickets, and however it is cut into batches."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tickets.bot.rules import Reply
from services.tickets.domain.keys import TicketKey
from services.tickets.domain.policy import Policy, Queue
from services.tickets.timers.rules import ASSIGN, EXPIRE, EXPIRE_RATING, REDIRECT, WARN
from shared.contracts.base import Event
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit
from shared.contracts.ticket import (
    TicketAccepted,
    TicketChanged,
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
from tests.support.build import identified
from tests.support.ticket_harness import (
    TAGS,
    TEMPLATES,
    TicketHarness,
    build_ticket,
)


def of(ticket_id: int = 1000, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": ticket_id, "request_id": request_id, **members}


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
ANSWERED = st.tuples(st.just("replied"), TICKETS, st.sampled_from(["1", "2", "9", "oi", "sair"]))
FELL_DUE = st.tuples(
    st.just("fell due"), TICKETS, st.sampled_from([WARN, EXPIRE, EXPIRE_RATING, REDIRECT, ASSIGN])
)
MERGED = st.tuples(st.just("merged"), st.sampled_from([(100, 101), (101, 100)]))
EVENTS = st.lists(
    st.lists(REQUESTS, min_size=1, max_size=5) | WROTE | ANSWERED | FELL_DUE | MERGED, max_size=16
)
ONE, TWO = Queue(7, "Vendas"), Queue(9, "Fim", closes=True)
MENUS = st.sampled_from([(), (ONE,), (ONE, TWO)])
POLICIES = st.builds(
    Policy,
    asks_rating=st.booleans(),
    closes_on_transfer=st.booleans(),
    max_rating_questions=st.integers(0, 2),
    max_bot_questions=st.integers(0, 2),
    menu=MENUS,
    templates=st.just(TEMPLATES),
)
WHEN_DUE = {  # what the database looks for before it says that something is due
    WARN: {"open"}, EXPIRE: {"open"}, EXPIRE_RATING: {"nps"}, REDIRECT: {"pending"},
    ASSIGN: {"pending"},
}  # fmt: skip


def run_event(harness: TicketHarness, number: int, what: Any) -> list[Event]:
    match what:
        case "wrote", contact_id:
            harness.receive(identified(f"A{number}", contact_id=contact_id, timestamp=harness.now))
        case "replied", ticket_id, text:
            return list(harness.reply(Reply(text), ticket_id=ticket_id))
        case "fell due", ticket_id, due:
            known = harness.tickets.get(TicketKey(1, ticket_id))
            if known and known.status in WHEN_DUE[due]:
                return list(harness.run_due_action(due, ticket_id, queue_id=8, user_id=6))
        case "merged", (canonical, merged):
            outcome = harness.merge(canonical, merged)
            return [item.fact for item in outcome if isinstance(item, Emit)]
        case _:
            return harness.request(*what)
    return []


def list_live_contacts(harness: TicketHarness) -> list[int]:
    return [t.contact_id for t in harness.tickets.values() if t.status != "closed"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=EVENTS,
    policy=POLICIES,
    reopen_minutes=st.sampled_from([0, 60]),
    asks_consent=st.booleans(),
)
def test_nothing_that_happens_breaks_a_rule(
    events: list[Any], policy: Policy, reopen_minutes: int, asks_consent: bool
) -> None:
    harness = TicketHarness(policy=policy, reopen_minutes=reopen_minutes, asks_consent=asks_consent)
    versions: dict[int, int] = {}
    for number, event in enumerate(events):
        before = {t.id: (t.status, t.user_id) for t in harness.tickets.values()}
        for fact in run_event(harness, number, event):
            if not isinstance(fact, TicketChanged):
                continue
            status, user_id = before.get(fact.ticket_id, ("", None))
            if isinstance(fact, TicketAccepted) and status == "open" and user_id:
                assert fact.user_id == user_id
            before[fact.ticket_id] = (fact.status, fact.user_id)
            assert fact.version >= versions.get(fact.ticket_id, 0)
            versions[fact.ticket_id] = fact.version
        assert len(list_live_contacts(harness)) == len(set(list_live_contacts(harness)))
        for ticket in harness.tickets.values():
            assert sum(tag.is_lane for tag in ticket.tags) <= 1
            assert (ticket.status == "closed") == (ticket.attendance is None)
            assert ticket.attendance is None or ticket.attendance.finished_at is None
        assert all(attendance.finished_at for _, attendance in harness.finished)
        newest = set(harness.successors.values())
        assert not newest & {key.ticket_id for key in harness.successors}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batch=st.lists(REQUESTS.filter(lambda r: r.ticket_id <= 1002), max_size=12), policy=POLICIES)
def test_where_a_batch_is_cut_changes_nothing(batch: list[TicketRequest], policy: Policy) -> None:
    ends = []
    for pieces in ([batch], [[request] for request in batch]):
        harness = TicketHarness(policy=policy).add(
            build_ticket(1000),
            build_ticket(1001, status="closed"),
            build_ticket(1002, contact_id=101),
        )
        published = [fact for piece in pieces for fact in harness.request(*piece)]
        ids = {"ticket_id", "version", "successor_ticket_id", "other_ticket_id"}
        facts = [
            f.model_dump(exclude=ids) | {"type": f.type}
            for f in published
            if not isinstance(f, MessageCompose)
        ]
        state = [
            (t.status, t.user_id, t.queue_id, t.rating_questions, t.attendance is None, t.tags)
            for t in harness.tickets.values()
        ]
        ends.append((facts, state, harness.logs, len(harness.finished)))
    assert ends[0] == ends[1]
