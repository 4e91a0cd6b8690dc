"""The tickets' desk in memory: what the rules decide on, without a database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.tickets.rules import answers, granting, merging, routing, telling, waiting
from services.tickets.rules.answers import Heard
from services.tickets.rules.granting import House
from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.telling import TicketFact
from services.tickets.rules.tickets import CLOSED, Attendance, Tag, Ticket, Wants, Words
from services.tickets.rules.waiting import Due
from shared.contracts.base import Event
from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessageIdentified
from shared.contracts.outcome import Outcome, Told
from shared.contracts.ticket_request import TicketRequest
from tests.support.build import NOON, situation

USERS, QUEUES, CLOSING_QUEUE = (5, 6), (7, 8, 9), 9
TAGS = {1: Tag(1), 2: Tag(2), 21: Tag(21, is_lane=True), 22: Tag(22, is_lane=True)}
SWITCHES = (
    "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
    "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket", "userRating",
    "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition", "scheduleType",
    "acceptAudioMessageContact", "enableLGPD", "requiredTag", "lgpdDeleteMessage",
    "lgpdHideNumber", "lgpdConsent",
)  # fmt: skip
WORDS = Words(
    rating="De 0 a 10?",
    completion="Obrigado!",
    transfer="Um momento.",
    inactive="Ainda aí?",
    expired="Encerrado.",
)


def held(ticket_id: int = 1000, **members: object) -> Ticket:
    """Build a pending ticket of contact 100 on line 10 with an open attendance."""
    given: dict[str, object] = {
        "id": ticket_id,
        "company_id": 1,
        "whatsapp_id": 10,
        "contact_id": 100,
        "status": "pending",
        "user_id": None,
        "queue_id": None,
        "is_group": False,
        "unread_messages": 0,
        "updated_at": NOON,
        "chat": "5511900000001",
        "attendance": None if members.get("status") == CLOSED else Attendance(id=ticket_id),
    }
    return Ticket(**(given | members))  # type: ignore[arg-type]


@dataclass
class Desk:
    """Tickets as they would be saved, batch after batch."""

    tickets: dict[TicketKey, Ticket] = field(default_factory=dict)
    successors: dict[TicketKey, int] = field(default_factory=dict)
    finished: list[tuple[TicketKey, Attendance]] = field(default_factory=list)
    logs: list[tuple[int, str]] = field(default_factory=list)
    now: datetime = NOON + timedelta(hours=1)
    wants: Wants = field(default_factory=Wants)
    reopen_minutes: int = 0
    asks_consent: bool = False
    last: Plan | None = None

    def hold(self, *tickets: Ticket) -> "Desk":
        """Put tickets on the desk."""
        self.tickets |= {(t.company_id, t.id): replace(t, wants=self.wants) for t in tickets}
        return self

    def plan(self) -> Plan:
        """Load every ticket."""
        self.now += timedelta(minutes=1)
        live = {t.key: t.id for t in self.tickets.values() if t.status != CLOSED}
        return Plan(dict(self.tickets), live, self.now)

    def ask(self, *batch: TicketRequest) -> list[Event]:
        """Grant a batch of requests and save what follows; gives the facts."""
        plan = self.plan()
        house = House(
            companies={1},
            users={(1, user): f"Tchau, {user}." for user in USERS},
            queues={(1, queue): queue == CLOSING_QUEUE for queue in QUEUES},
            successors=dict(self.successors),
            tags={(1, tag_id): tag for tag_id, tag in TAGS.items()},
        )
        granting.grant(plan, house, batch)
        ids = self.save(plan)
        return [item.fact for item in telling.told(plan, ids) if isinstance(item, Told)]

    def save(self, plan: Plan) -> Mapping[int, int]:
        """Keep a plan's rows, as the store does."""
        self.last = plan
        ids = {new: self._next_id(-new) for new in plan.new}
        self.tickets |= {(t.company_id, t.id): t for t in plan.changed}
        for new_id, both in plan.new.items():
            new = replace(both.new, id=ids[new_id])
            self.tickets[new.company_id, new.id] = new
        for old, to in plan.successors.items():
            newest = ids.get(to, to)
            pointed = [key for key, value in self.successors.items() if value == old[1]]
            self.successors |= dict.fromkeys([*pointed, old], newest)
        self.finished += [((r.company_id, r.ticket_id), r.attendance) for r in plan.finished]
        self.logs += [(ids.get(r.ticket_id, r.ticket_id), r.log.type) for r in plan.logs]
        return ids

    def hear(self, *batch: MessageIdentified) -> None:
        """Route messages, as the handler of message.identified does."""
        self.now += timedelta(minutes=1)
        keys = {routing.key_of(message) for message in batch}
        given = {"reopen_minutes": self.reopen_minutes, "asks_consent": self.asks_consent}
        situations = {key: situation(contact_id=key[2], **given) for key in keys}
        known = [t for key in keys for t in self._known(key)]
        plan = routing.route(situations, known, frozenset(), batch)
        for ticket in plan.reopened.values():
            held_now = self.tickets[ticket.company_id, ticket.id]
            self._keep(replace(held_now, status=ticket.status, closed_at=None))
        for ticket in plan.new.values():
            self._keep(held(self._next_id(1), contact_id=ticket.contact_id, status=ticket.status))

    def answer(self, *heard: Heard, ticket_id: int = 1000) -> list[TicketFact]:
        """Let a contact say something, as the handler of message.stored does."""
        plan = self.plan()
        plan.tickets = {key: t for key, t in plan.tickets.items() if t.id == ticket_id}
        answers.take_answers(plan, {(1, ticket_id): heard})
        return telling.facts(plan, self.save(plan))

    def pass_time(self, what: str, ticket_id: int = 1000, **members: object) -> list[TicketFact]:
        """Let something fall due, as the timer does."""
        plan = self.plan()
        known = plan.tickets.get((1, ticket_id))
        given = {"updated_at": known.updated_at if known else NOON} | members
        waiting.pass_time(plan, [Due(1, ticket_id, what, **given)])  # type: ignore[arg-type]
        return telling.facts(plan, self.save(plan))

    def merge(self, winner: int, loser: int) -> Outcome:
        """Let a contact stand for another one."""
        plan = self.plan()
        event = ContactMerged(company_id=1, contact_id=winner, merged_contact_id=loser, version=1)
        merging.merge(plan, {(1, loser): winner}, [event])
        return telling.told(plan, self.save(plan))

    def of(self, ticket_id: int = 1000) -> Ticket:
        """Give a ticket as it is now."""
        return self.tickets[1, ticket_id]

    def logged(self, ticket_id: int = 1000) -> list[str]:
        """Give the types of a ticket's log."""
        return [kind for ticket, kind in self.logs if ticket == ticket_id]

    def _keep(self, ticket: Ticket) -> None:
        attendance = ticket.attendance or Attendance(id=self._next_id(5000))
        kept = replace(ticket, updated_at=self.now, attendance=attendance, wants=self.wants)
        self.tickets[kept.company_id, kept.id] = kept

    def _known(self, key: routing.ConversationKey) -> Iterable[routing.Ticket]:
        of_key = sorted(
            (t for t in self.tickets.values() if t.key == key), key=lambda t: t.updated_at
        )
        closed = [t for t in of_key if t.status == CLOSED][-1:]
        for t in [*(t for t in of_key if t.status != CLOSED), *closed]:
            yield routing.Ticket(
                id=t.id, company_id=1, whatsapp_id=10, contact_id=t.contact_id, status=t.status,
                user_id=t.user_id, queue_id=t.queue_id, is_group=False, unread_messages=0,
                updated_at=t.updated_at,
            )  # fmt: skip

    def _next_id(self, plus: int) -> int:
        return max((key[1] for key in self.tickets), default=1000) + plus


def types(facts: Sequence[Event]) -> list[str]:
    """Name what was told."""
    return [fact.type for fact in facts]
