"""Rules that apply a batch of requests to loaded tickets, one after the other."""

from collections.abc import Sequence

from services.tickets.domain.plan import Plan, Result
from services.tickets.domain.reference_data import (
    ReferenceData,
    get_ticket_key,
    list_queues,
    list_tags,
    list_users,
)
from services.tickets.domain.ticket import Decision, Refusal
from services.tickets.domain.transitions import DecisionContext
from services.tickets.requests.life_cycle import decide
from shared.contracts.outcome import Reject
from shared.contracts.ticket_request import TicketRequest


def apply_requests(
    plan: Plan, reference_data: ReferenceData, batch: Sequence[TicketRequest]
) -> None:
    """Apply or refuse each request; a later one sees what an earlier one changed."""
    for request in batch:
        if request.company_id not in reference_data.companies:
            detail = f"there is no company {request.company_id}"
            plan.outcome.append(Reject(request, "unknown-company", detail))
            continue
        missing = _find_missing(plan, reference_data, request)
        decision = missing or _decide(plan, reference_data, request)
        if isinstance(decision, Refusal):
            key = get_ticket_key(request)
            plan.results.append(Result(request, request.request_id, key, decision))
        else:
            plan.apply(decision, request, request.request_id)


def _find_missing(
    plan: Plan, reference_data: ReferenceData, request: TicketRequest
) -> Refusal | None:
    if get_ticket_key(request) not in plan.tickets:
        return Refusal("no such ticket")
    if any(key not in reference_data.users for key in list_users([request])):
        return Refusal("no such user")
    if any(key not in reference_data.queues for key in list_queues([request])):
        return Refusal("no such queue")
    if any(key not in reference_data.tags for key in list_tags([request])):
        return Refusal("no such tag")
    return None


def _decide(plan: Plan, reference_data: ReferenceData, request: TicketRequest) -> Decision:
    key = get_ticket_key(request)
    ticket = plan.tickets[key]
    other = plan.live.get(ticket.conversation)
    now = DecisionContext(
        at=plan.next_change_at(key),
        other_ticket_id=None if other == ticket.id else other,
        successor_id=plan.became.get(key),
        closing_queues={q.id for q in list_queues([request]) if reference_data.queues[q]},
        farewells={user.id: reference_data.users[user] for user in list_users([request])},
        tags=[reference_data.tags[tag] for tag in sorted(list_tags([request]))],
    )
    return decide(ticket, request, now)
