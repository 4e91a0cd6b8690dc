"""Which ticket a user gets who wants to speak with a contact. No clock, no database.

The ticket is found, or begun; whether the user may have it is decided as for any other one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.tickets.rules.granting import House
from services.tickets.rules.routing import ConversationKey, Situation, Ticket, within_window
from services.tickets.rules.tickets import Refusal
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.ticket import TicketChanged, TicketRefused
from shared.contracts.ticket_request import TicketAccept, TicketOpen

IS_ELSEWHERE = "ticket in another attendance"


@dataclass(slots=True)
class Plan:
    """Tickets to begin, the one that each request is to be granted in, and what is refused."""

    new: dict[int, Ticket] = field(default_factory=dict)
    wishes: list[tuple[TicketOpen, int]] = field(default_factory=list)
    refusals: list[tuple[TicketOpen, Refusal]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


def key_of(request: TicketOpen) -> ConversationKey:
    """Name the conversation that is wanted."""
    return request.company_id, request.whatsapp_id, request.contact_id


def as_accept(request: TicketOpen, ticket_id: int = 0) -> TicketAccept:
    """Ask for a ticket as somebody does who knows its number."""
    return TicketAccept(
        company_id=request.company_id,
        ticket_id=ticket_id,
        request_id=request.request_id,
        user_id=request.user_id,
        queue_id=request.queue_id,
    )


def find(
    situations: Mapping[ConversationKey, Situation],
    known: Iterable[Ticket],
    house: House,
    now: datetime,
    batch: Sequence[TicketOpen],
) -> Plan:
    """Find or begin the ticket of each request; a later one sees what an earlier one wants."""
    plan = Plan()
    tickets = list(known)
    live = {t.key: t for t in tickets if t.status != "closed"}
    closed = {t.key: t for t in tickets if t.status == "closed"}
    for request in batch:
        situation = situations.get(key_of(request))
        if situation is None:
            detail = f"no contact {request.contact_id} or no line {request.whatsapp_id}"
            plan.outcome.append(Dead(request, "unknown-contact", detail))
            continue
        ticket = live.get(situation.key) or _begun(closed, situation, now, plan)
        refusal = _against(request, situation, ticket, house)
        if refusal:
            plan.refusals.append((request, refusal))
            continue
        if ticket.id < 0:
            plan.new.setdefault(ticket.id, ticket)
        queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
        live[ticket.key] = replace(ticket, user_id=request.user_id, queue_id=queue_id)
        plan.wishes.append((request, ticket.id))
    return plan


def _begun(
    closed: Mapping[ConversationKey, Ticket], situation: Situation, now: datetime, plan: Plan
) -> Ticket:
    """Give the ticket that is over, within the line's window, else a new one."""
    last = closed.get(situation.key)
    if last and within_window(last, situation, now):
        return replace(last, user_id=None)
    return Ticket(
        id=-len(plan.new) - 1,
        company_id=situation.company_id,
        whatsapp_id=situation.whatsapp_id,
        contact_id=situation.contact_id,
        status="pending",
        user_id=None,
        queue_id=None,
        is_group=False,
        unread_messages=0,
        updated_at=None,
        is_active_demand=True,
    )


def _against(
    request: TicketOpen, situation: Situation, ticket: Ticket, house: House
) -> Refusal | None:
    company_id = request.company_id
    if (company_id, request.user_id) not in house.users:
        return Refusal("no such user")
    if request.queue_id is not None and (company_id, request.queue_id) not in house.queues:
        return Refusal("no such queue")
    if situation.is_group:
        return Refusal("a group has no user")
    is_elsewhere = ticket.user_id not in {None, request.user_id} or (
        ticket.status != "closed" and None not in {request.queue_id, ticket.queue_id}
        and request.queue_id != ticket.queue_id
    )  # fmt: skip
    return Refusal(IS_ELSEWHERE, ticket.id) if is_elsewhere else None


def begun(plan: Plan, opened: Mapping[int, TicketChanged]) -> list[Ticket]:
    """List the new tickets with the ids that they were saved under."""
    return [replace(ticket, id=opened[new].ticket_id) for new, ticket in plan.new.items()]


def accepts(
    plan: Plan, opened: Mapping[int, TicketChanged]
) -> list[tuple[TicketOpen, TicketAccept]]:
    """Turn wishes into requests for tickets that there are."""
    return [
        (request, as_accept(request, _final(number, opened))) for request, number in plan.wishes
    ]


def told(
    plan: Plan,
    opened: Mapping[int, TicketChanged],
    asked: Sequence[tuple[TicketOpen, TicketAccept]],
    granted: Outcome,
) -> Outcome:
    """Tell which tickets began, and what was granted, as answers to the users' requests."""
    causes = {id(accept): request for request, accept in asked}
    first = {number: request for request, number in reversed(plan.wishes)}
    return [
        *plan.outcome,
        *(Told(request, _refused(request, refusal, opened)) for request, refusal in plan.refusals),
        *(Told(first[number], fact) for number, fact in opened.items()),
        *(replace(item, cause=causes[id(item.cause)]) for item in granted),
    ]


def _refused(
    request: TicketOpen, refusal: Refusal, opened: Mapping[int, TicketChanged]
) -> TicketRefused:
    other = refusal.other_ticket_id
    known = None if other is None else _final(other, opened)
    return TicketRefused(
        company_id=request.company_id,
        ticket_id=known or 0,
        request_id=request.request_id,
        reason=refusal.reason,
        other_ticket_id=known,
    )


def _final(number: int, opened: Mapping[int, TicketChanged]) -> int:
    return opened[number].ticket_id if number in opened else number
