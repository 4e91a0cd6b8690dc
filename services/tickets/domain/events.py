"""Facts of a plan: each transition, the answer to each request, and the auto-replies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.tickets.domain.plan import Plan, Result
from services.tickets.domain.tags import find_lane_id, list_tag_ids
from services.tickets.domain.ticket import INSTANT, AutoReply, Refusal, Ticket, Transition
from shared.contracts.base import BEGINNING
from shared.contracts.contact import ContactConsent
from shared.contracts.members import LONGEST_TEXT
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.ticket import TicketChanged, TicketOpened, TicketRefused, TicketTagged

TicketFact = TicketChanged | TicketRefused | MessageCompose | ContactConsent


def build_outcome(plan: Plan, ids: Mapping[int, int]) -> Outcome:
    """Return the emits and rejects of a plan; `ids` maps new tickets to their saved ids."""
    facts = [
        Emit(result.cause, fact)
        for result in plan.results
        if result.cause
        for fact in _build_result_facts(result, ids)
    ]
    return [*plan.outcome, *facts]


def build_facts(plan: Plan, ids: Mapping[int, int]) -> list[TicketFact]:
    """Return the facts of a plan without their causes."""
    return [fact for result in plan.results for fact in _build_result_facts(result, ids)]


def _build_result_facts(result: Result, ids: Mapping[int, int]) -> list[TicketFact]:
    change = result.change
    if isinstance(change, Refusal):
        return [_build_refused(result, change, ids)]
    facts: list[TicketFact] = []
    if change.successor:
        facts.append(build_ticket_fact(change.successor, TicketOpened, ids, result.request_id))
    members = _list_members(change, ids)
    facts.append(build_ticket_fact(change.ticket, change.fact, ids, result.request_id, **members))
    if change.consented_at is not None:
        facts.append(_build_consent(change.ticket, change.consented_at))
    sender = change.successor or change.ticket
    if _has_chat(sender):
        facts += [_build_compose(sender, reply, ids) for reply in change.auto_replies]
    return facts


def _list_members(change: Transition, ids: Mapping[int, int]) -> dict[str, Any]:
    """Return the extra members of this transition's fact."""
    members: dict[str, Any] = {} if change.rate is None else {"rate": change.rate}
    if change.fact is TicketTagged:
        members = {"tag_ids": list_tag_ids(change.ticket), "lane_id": find_lane_id(change.ticket)}
    if change.seen_until is not None:
        members["seen_until"] = change.seen_until
    if change.successor_id is not None:
        members["successor_ticket_id"] = ids.get(change.successor_id, change.successor_id)
    return members


def build_ticket_fact(
    ticket: Ticket,
    fact: type[TicketChanged],
    ids: Mapping[int, int],
    request_id: str | None = None,
    **members: Any,  # noqa: ANN401 - extra members of this fact, which the contract checks
) -> TicketChanged:
    """Return a ticket's state as a fact of this type."""
    return fact(
        company_id=ticket.company_id,
        ticket_id=ids.get(ticket.id, ticket.id),
        version=get_version(ticket),
        status=ticket.status,
        contact_id=ticket.contact_id,
        whatsapp_id=ticket.whatsapp_id,
        user_id=ticket.user_id,
        queue_id=ticket.queue_id,
        unread_messages=ticket.unread_messages,
        is_group=ticket.is_group,
        request_id=request_id,
        **members,
    )


def get_version(ticket: Ticket) -> int:
    """Return the version of a ticket's state: µs of updatedAt."""
    return (ticket.updated_at - BEGINNING) // INSTANT


def _build_compose(ticket: Ticket, reply: AutoReply, ids: Mapping[int, int]) -> MessageCompose:
    """Return the `message.compose` of an auto-reply; its id is unique per version and purpose."""
    ticket_id = ids.get(ticket.id, ticket.id)
    return MessageCompose(
        company_id=ticket.company_id,
        whatsapp_id=ticket.whatsapp_id,
        chat=ticket.chat,
        ticket_id=ticket_id,
        body=reply.body[:LONGEST_TEXT],
        is_private=reply.is_private,
        user_id=ticket.user_id,
        request_id=f"ticket:{ticket_id}:{get_version(ticket)}:{reply.purpose}",
    )


def _build_consent(ticket: Ticket, at: datetime) -> ContactConsent:
    return ContactConsent(
        company_id=ticket.company_id,
        contact_id=ticket.contact_id,
        consented_at=at,
        ticket_id=ticket.id,
        request_id=f"ticket:{ticket.id}:{get_version(ticket)}:consent",
    )


def _has_chat(ticket: Ticket) -> bool:
    """Return whether the contact has a number or LID to send to."""
    return bool(ticket.chat) and not any(map(str.isspace, ticket.chat))


def _build_refused(result: Result, refusal: Refusal, ids: Mapping[int, int]) -> TicketRefused:
    other = refusal.other_ticket_id
    return TicketRefused(
        company_id=result.key.company_id,
        ticket_id=result.key.ticket_id,
        request_id=result.request_id or "",
        reason=refusal.reason,
        other_ticket_id=None if other is None else ids.get(other, other),
    )
