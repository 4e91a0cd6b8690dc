"""Tickets in memory: the rules of the tickets service without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.tickets.bot.rules import Reply, apply_replies
from services.tickets.contact_merge.rules import merge_conversations
from services.tickets.domain.events import TicketFact, build_facts, build_outcome
from services.tickets.domain.keys import ContactKey, ConversationKey, RowKey, TicketKey
from services.tickets.domain.plan import Plan, build_plan
from services.tickets.domain.policy import AutoReplyTexts, Policy
from services.tickets.domain.reference_data import ReferenceData
from services.tickets.domain.ticket import CLOSED, Attendance, Tag, Ticket
from services.tickets.requests.rules import apply_requests
from services.tickets.routing import rules as routing
from services.tickets.timers.rules import DueAction, run_due_actions
from shared.contracts.base import Event
from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessageIdentified
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.ticket_request import TicketRequest
from tests.support.build import NOON, conversation, ticket

USERS, QUEUES, CLOSING_QUEUE = (5, 6), (7, 8, 9), 9
TAGS = {1: Tag(1), 2: Tag(2), 21: Tag(21, is_lane=True), 22: Tag(22, is_lane=True)}
SWITCHES = (
    "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
    "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket", "userRating",
    "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition", "scheduleType",
    "acceptAudioMessageContact", "enableLGPD", "requiredTag", "lgpdDeleteMessage",
    "lgpdHideNumber", "lgpdConsent",
)  # fmt: skip
TEMPLATES = AutoReplyTexts(
    rating="De 0 a 10?",
    completion="Obrigado!",
    transfer="Um momento.",
    inactive="Ainda aí?",
    expired="Encerrado.",
)
REFERENCE_DATA = ReferenceData(
    companies={1},
    users={RowKey(1, user): f"Tchau, {user}." for user in USERS},
    queues={RowKey(1, queue): queue == CLOSING_QUEUE for queue in QUEUES},
    tags={RowKey(1, tag_id): tag for tag_id, tag in TAGS.items()},
)


def build_ticket(ticket_id: int = 1000, **members: object) -> Ticket:
    """Build a pending ticket of contact 100 on line 10 with an open attendance."""
    attendance = None if members.get("status") == CLOSED else Attendance(id=ticket_id)
    return ticket(ticket_id, **{"chat": "5511900000001", "attendance": attendance, **members})


@dataclass
class TicketHarness:
    """Tickets as they would be saved, batch after batch."""

    tickets: dict[TicketKey, Ticket] = field(default_factory=dict)
    successors: dict[TicketKey, int] = field(default_factory=dict)
    finished: list[tuple[TicketKey, Attendance]] = field(default_factory=list)
    logs: list[tuple[int, str]] = field(default_factory=list)
    now: datetime = NOON + timedelta(hours=1)
    policy: Policy = field(default_factory=Policy)
    reopen_minutes: int = 0
    asks_consent: bool = False
    last: Plan | None = None

    def add(self, *tickets: Ticket) -> "TicketHarness":
        """Add tickets, with the policy of all."""
        self.tickets |= {ticket.key: replace(ticket, policy=self.policy) for ticket in tickets}
        return self

    def load(self) -> Plan:
        """Load every ticket, a minute later."""
        self.now += timedelta(minutes=1)
        plan = build_plan(self.tickets.values(), self.now)
        plan.became = dict(self.successors)
        return plan

    def request(self, *batch: TicketRequest) -> list[Event]:
        """Apply a batch of requests, save what follows, and return the facts."""
        plan = self.load()
        apply_requests(plan, REFERENCE_DATA, batch)
        return [item.fact for item in self.save_outcome(plan) if isinstance(item, Emit)]

    def save_outcome(self, plan: Plan) -> Outcome:
        """Save a plan and return its outcome."""
        return build_outcome(plan, self.save(plan))

    def save(self, plan: Plan) -> Mapping[int, int]:
        """Keep a plan's rows, as `save_plan` does."""
        self.last = plan
        ids = {new: self._next_id(-new) for new in plan.new}
        self.tickets |= {ticket.key: ticket for ticket in plan.changed}
        for new_id, new in plan.new.items():
            saved = replace(new.ticket, id=ids[new_id])
            self.tickets[saved.key] = saved
        for old, successor_id in plan.successors.items():
            newest = ids.get(successor_id, successor_id)
            pointed = [key for key, value in self.successors.items() if value == old.ticket_id]
            self.successors |= dict.fromkeys([*pointed, old], newest)
        self.finished += [
            (TicketKey(r.company_id, r.ticket_id), r.attendance) for r in plan.finished
        ]
        self.logs += [(ids.get(r.ticket_id, r.ticket_id), r.log.type) for r in plan.logs]
        return ids

    def receive(self, *batch: MessageIdentified) -> None:
        """Route messages, as the handler of message.identified does."""
        self.now += timedelta(minutes=1)
        keys = {routing.get_conversation_key(message) for message in batch}
        policy = {"reopen_minutes": self.reopen_minutes, "asks_consent": self.asks_consent}
        conversations = {key: conversation(contact_id=key.contact_id, **policy) for key in keys}
        loaded = [ticket for key in keys for ticket in self._find(key)]
        plan = build_plan(loaded, self.now)
        routed = routing.route_messages(plan, conversations, {}, batch)
        ids = self.save(plan)
        for attended in routing.list_attended(routed):
            self._begin_attendance(TicketKey(1, ids.get(attended.id, attended.id)))

    def reply(self, *replies: Reply, ticket_id: int = 1000) -> list[TicketFact]:
        """Apply replies of a contact, as the handler of message.stored does."""
        plan = self.load()
        plan.tickets = {key: t for key, t in plan.tickets.items() if t.id == ticket_id}
        apply_replies(plan, {TicketKey(1, ticket_id): replies})
        return build_facts(plan, self.save(plan))

    def run_due_action(
        self, action: str, ticket_id: int = 1000, **members: object
    ) -> list[TicketFact]:
        """Run one due action, as the timer does."""
        plan = self.load()
        known = plan.tickets.get(TicketKey(1, ticket_id))
        given = {"updated_at": known.updated_at if known else NOON} | members
        run_due_actions(plan, [DueAction(1, ticket_id, action, **given)])  # type: ignore[arg-type]  # the members that a test names
        return build_facts(plan, self.save(plan))

    def merge(self, canonical: int, merged: int) -> Outcome:
        """Merge a contact into another one."""
        plan = self.load()
        event = ContactMerged(
            company_id=1, contact_id=canonical, merged_contact_id=merged, version=1
        )
        merge_conversations(plan, {ContactKey(1, merged): canonical}, [event])
        return self.save_outcome(plan)

    def get(self, ticket_id: int = 1000) -> Ticket:
        """Return a ticket as it is now."""
        return self.tickets[TicketKey(1, ticket_id)]

    def list_logs(self, ticket_id: int = 1000) -> list[str]:
        """Return the types of a ticket's log rows."""
        return [kind for logged_id, kind in self.logs if logged_id == ticket_id]

    def _begin_attendance(self, key: TicketKey) -> None:
        """Add what loads add to a ticket's row, and an open attendance."""
        saved = self.tickets[key]
        attendance = saved.attendance or Attendance(id=self._next_id(5000))
        chat = saved.chat or "5511900000001"
        self.tickets[key] = replace(saved, attendance=attendance, chat=chat, policy=self.policy)

    def _find(self, key: ConversationKey) -> list[Ticket]:
        tickets = sorted(
            (t for t in self.tickets.values() if t.conversation == key), key=lambda t: t.updated_at
        )
        closed = [ticket for ticket in tickets if ticket.status == CLOSED][-1:]
        return [*(ticket for ticket in tickets if ticket.status != CLOSED), *closed]

    def _next_id(self, plus: int) -> int:
        return max((key.ticket_id for key in self.tickets), default=1000) + plus


def list_types(facts: Sequence[Event]) -> list[str]:
    """Return the types of facts."""
    return [fact.type for fact in facts]
