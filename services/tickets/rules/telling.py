"""What is told of a plan: a fact for each step, an answer for each request, words to be said."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.tickets.rules.plan import Answer, Plan
from services.tickets.rules.steps import INSTANT
from services.tickets.rules.tagging import lane_id, tag_ids
from services.tickets.rules.tallying import Tallied
from services.tickets.rules.tickets import Refusal, Said, Ticket
from shared.contracts.base import BEGINNING
from shared.contracts.contact import ContactConsent
from shared.contracts.message_request import LONGEST_TEXT, MessageCompose
from shared.contracts.outcome import Outcome, Told
from shared.contracts.ticket import TicketChanged, TicketOpened, TicketRefused, TicketTagged

TicketFact = TicketChanged | TicketRefused | MessageCompose | ContactConsent


def told(plan: Plan, ids: Mapping[int, int]) -> Outcome:
    """Tell every answer; `ids` are those that new tickets were saved under."""
    outcome = list(plan.outcome)
    for answer in plan.answers:
        if answer.cause:
            outcome += [Told(answer.cause, fact) for fact in _facts(answer, ids)]
    return outcome


def refreshed(batch: Sequence[Tallied], facts: Iterable[TicketFact]) -> Outcome:
    """Tell each ticket's new state, as caused by the last of its messages."""
    last: dict[int | None, Tallied] = {event.ticket_id: event for event in batch}
    return [Told(last[fact.ticket_id], fact) for fact in facts]


def facts(plan: Plan, ids: Mapping[int, int]) -> list[TicketFact]:
    """Tell what no record caused."""
    return [fact for answer in plan.answers for fact in _facts(answer, ids)]


def _facts(answer: Answer, ids: Mapping[int, int]) -> list[TicketFact]:
    result = answer.result
    if isinstance(result, Refusal):
        return [_refused(answer, result, ids)]
    told: list[TicketFact] = []
    new = result.successor
    more: dict[str, Any] = {} if result.rate is None else {"rate": result.rate}
    if result.fact is TicketTagged:
        more = {"tag_ids": tag_ids(result.ticket), "lane_id": lane_id(result.ticket)}
    if result.seen_until is not None:
        more["seen_until"] = result.seen_until
    if new:
        told.append(fact_of(new, TicketOpened, ids, answer.request_id))
    if result.goes_on_as is not None:
        more["successor_ticket_id"] = ids.get(result.goes_on_as, result.goes_on_as)
    told.append(fact_of(result.ticket, result.fact, ids, answer.request_id, **more))
    if result.consented_at is not None:
        told.append(_consent(result.ticket, result.consented_at))
    speaker = new or result.ticket
    return told + [compose(speaker, words, ids) for words in result.says if _has_chat(speaker)]


def fact_of(
    ticket: Ticket,
    kind: type[TicketChanged],
    ids: Mapping[int, int],
    request_id: str | None = None,
    **more: Any,  # noqa: ANN401 - members of this kind alone, which the contract checks
) -> TicketChanged:
    """Tell a ticket's state as a fact of this kind."""
    return kind(
        company_id=ticket.company_id,
        ticket_id=ids.get(ticket.id, ticket.id),
        version=version(ticket),
        status=ticket.status,
        contact_id=ticket.contact_id,
        whatsapp_id=ticket.whatsapp_id,
        user_id=ticket.user_id,
        queue_id=ticket.queue_id,
        unread_messages=ticket.unread_messages,
        is_group=ticket.is_group,
        request_id=request_id,
        **more,
    )


def version(ticket: Ticket) -> int:
    """Name a ticket's state: µs of updatedAt."""
    return (ticket.updated_at - BEGINNING) // INSTANT


def compose(ticket: Ticket, words: Said, ids: Mapping[int, int]) -> MessageCompose:
    """Ask for words to be said in a ticket, once for each of its states and purposes."""
    ticket_id = ids.get(ticket.id, ticket.id)
    return MessageCompose(
        company_id=ticket.company_id,
        whatsapp_id=ticket.whatsapp_id,
        chat=ticket.chat,
        ticket_id=ticket_id,
        body=words.body[:LONGEST_TEXT],
        is_private=words.is_private,
        user_id=ticket.user_id,
        request_id=f"ticket:{ticket_id}:{version(ticket)}:{words.purpose}",
    )


def _consent(ticket: Ticket, at: datetime) -> ContactConsent:
    return ContactConsent(
        company_id=ticket.company_id,
        contact_id=ticket.contact_id,
        consented_at=at,
        ticket_id=ticket.id,
        request_id=f"ticket:{ticket.id}:{version(ticket)}:consent",
    )


def _has_chat(ticket: Ticket) -> bool:
    """Whether there is an address to say something to."""
    return bool(ticket.chat) and not any(map(str.isspace, ticket.chat))


def _refused(answer: Answer, refusal: Refusal, ids: Mapping[int, int]) -> TicketRefused:
    other = refusal.other_ticket_id
    return TicketRefused(
        company_id=answer.key[0],
        ticket_id=answer.key[1],
        request_id=answer.request_id or "",
        reason=refusal.reason,
        other_ticket_id=None if other is None else ids.get(other, other),
    )
