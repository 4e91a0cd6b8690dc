"""Rules for `ticket.open`: find or create the ticket of a contact for a user.

The found ticket is then accepted by the same rules as `ticket.accept`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.tickets.domain.keys import ConversationKey, RowKey
from services.tickets.domain.plan import NewTicket, Plan
from services.tickets.domain.reference_data import ReferenceData
from services.tickets.domain.reopening import is_within_window
from services.tickets.domain.ticket import CLOSED, PENDING, Log, Refusal, Ticket
from services.tickets.routing.rules import Conversation
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.ticket import TicketRefused
from shared.contracts.ticket_request import TicketAccept, TicketOpen

OTHER_ATTENDANCE = "ticket in another attendance"


@dataclass(slots=True)
class TicketOpenPlan:
    """The ticket of each request, and the requests that are refused or rejected."""

    tickets: list[tuple[TicketOpen, int]] = field(default_factory=list)
    refusals: list[tuple[TicketOpen, Refusal]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


def get_conversation_key(request: TicketOpen) -> ConversationKey:
    """Return the conversation that a request is about."""
    return ConversationKey(request.company_id, request.whatsapp_id, request.contact_id)


def build_accept(request: TicketOpen, ticket_id: int = 0) -> TicketAccept:
    """Return the request for a ticket whose id is known."""
    return TicketAccept(
        company_id=request.company_id,
        ticket_id=ticket_id,
        request_id=request.request_id,
        user_id=request.user_id,
        queue_id=request.queue_id,
    )


def find_tickets(
    plan: Plan,
    conversations: Mapping[ConversationKey, Conversation],
    reference_data: ReferenceData,
    batch: Sequence[TicketOpen],
) -> TicketOpenPlan:
    """Find each request's ticket or add a new one to the plan; later requests see earlier ones."""
    opening = TicketOpenPlan()
    expected: dict[ConversationKey, Ticket] = {}  # after earlier requests
    closed = {t.conversation: t for t in plan.tickets.values() if t.status == CLOSED}
    for request in batch:
        conversation = conversations.get(get_conversation_key(request))
        if conversation is None:
            detail = f"no contact {request.contact_id} or no line {request.whatsapp_id}"
            opening.outcome.append(Reject(request, "unknown-contact", detail))
            continue
        ticket = expected.get(conversation.key) or plan.find_live(conversation.key)
        ticket = ticket or _find_within_window(closed, conversation, plan)
        refusal = _refuse(request, conversation, ticket, reference_data)
        if refusal:
            opening.refusals.append((request, refusal))
            continue
        ticket = ticket or _begin(plan, conversation, request)
        queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
        expected[conversation.key] = replace(ticket, user_id=request.user_id, queue_id=queue_id)
        opening.tickets.append((request, ticket.id))
    return opening


def _find_within_window(
    closed: Mapping[ConversationKey, Ticket], conversation: Conversation, plan: Plan
) -> Ticket | None:
    """Return the closed ticket to reopen, without its user."""
    last = closed.get(conversation.key)
    if last and is_within_window(last, conversation.reopen_minutes, plan.now):
        return replace(last, user_id=None)
    return None


def _begin(plan: Plan, conversation: Conversation, request: TicketOpen) -> Ticket:
    ticket = Ticket(
        id=0,
        company_id=conversation.company_id,
        whatsapp_id=conversation.whatsapp_id,
        contact_id=conversation.contact_id,
        status=PENDING,
        user_id=None,
        queue_id=None,
        is_group=False,
        unread_messages=0,
        updated_at=plan.now,
    )
    return plan.begin(NewTicket(ticket, is_active_demand=True), Log("create"), request)


def _refuse(
    request: TicketOpen,
    conversation: Conversation,
    ticket: Ticket | None,
    reference_data: ReferenceData,
) -> Refusal | None:
    company_id = request.company_id
    if RowKey(company_id, request.user_id) not in reference_data.users:
        return Refusal("no such user")
    if (
        request.queue_id is not None
        and RowKey(company_id, request.queue_id) not in reference_data.queues
    ):
        return Refusal("no such queue")
    if conversation.is_group:
        return Refusal("a group has no user")
    if ticket and _is_in_other_attendance(ticket, request):
        return Refusal(OTHER_ATTENDANCE, ticket.id)
    return None


def _is_in_other_attendance(ticket: Ticket, request: TicketOpen) -> bool:
    if ticket.user_id not in {None, request.user_id}:
        return True
    is_queued = ticket.status != CLOSED and None not in {request.queue_id, ticket.queue_id}
    return is_queued and request.queue_id != ticket.queue_id


def build_accepts(
    opening: TicketOpenPlan, ids: Mapping[int, int]
) -> list[tuple[TicketOpen, TicketAccept]]:
    """Return each request with a TicketAccept for its ticket; `ids` maps new tickets."""
    return [
        (request, build_accept(request, ids.get(ticket_id, ticket_id)))
        for request, ticket_id in opening.tickets
    ]


def build_outcome(
    opening: TicketOpenPlan,
    opened: Outcome,
    accepts: Sequence[tuple[TicketOpen, TicketAccept]],
    answers: Outcome,
    ids: Mapping[int, int],
) -> Outcome:
    """Return the answers to ticket.open; `answers` are the answers to the accepts."""
    causes = {id(accept): request for request, accept in accepts}
    return [
        *opening.outcome,
        *(
            Emit(request, _build_refused(request, reason, ids))
            for request, reason in opening.refusals
        ),
        *opened,
        *(replace(item, cause=causes[id(item.cause)]) for item in answers),
    ]


def _build_refused(request: TicketOpen, refusal: Refusal, ids: Mapping[int, int]) -> TicketRefused:
    other = refusal.other_ticket_id
    other_id = None if other is None else ids.get(other, other)
    return TicketRefused(
        company_id=request.company_id,
        ticket_id=other_id or 0,
        request_id=request.request_id,
        reason=refusal.reason,
        other_ticket_id=other_id,
    )
