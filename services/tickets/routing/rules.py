"""Rules that find, reopen or create the ticket of a message."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from services.tickets.domain.events import build_ticket_fact
from services.tickets.domain.keys import ConversationKey, MessageKey, TicketKey
from services.tickets.domain.lateness import is_late
from services.tickets.domain.plan import NewTicket, Plan
from services.tickets.domain.reopening import is_within_window, reopen_ticket
from services.tickets.domain.ticket import (
    CLOSED,
    LGPD,
    OPEN,
    PENDING,
    Log,
    Ticket,
    choose_waiting_status,
)
from shared.contracts.message import MessageIdentified, MessageRouted
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.ticket import TicketChanged, TicketOpened, TicketReopened

NONE, OPENED, REOPENED = "none", "opened", "reopened"  # MessageRouted.ticketEffect
FACTS: Mapping[str, type[TicketChanged]] = {OPENED: TicketOpened, REOPENED: TicketReopened}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A contact on a line, and the settings for a new ticket.

    `contact_id` is the canonical contact, if the contact was merged into another one.
    """

    company_id: int
    whatsapp_id: int
    contact_id: int
    group_as_ticket: bool
    reopen_minutes: int
    asks_consent: bool
    wallet_user_id: int | None
    is_group: bool = False

    @property
    def key(self) -> ConversationKey:
        """Return the key by which its tickets are found."""
        return ConversationKey(self.company_id, self.whatsapp_id, self.contact_id)


@dataclass(frozen=True, slots=True)
class Route:
    """The ticket of a message; `effect` says whether it was opened or reopened."""

    message: MessageIdentified
    ticket: Ticket
    effect: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The ticket of a stored message, and whether the row is a placeholder."""

    ticket_id: int
    is_placeholder: bool


@dataclass(slots=True)
class Routing:
    """The routed messages of a batch, and those that cannot have a ticket.

    `contents` are those of stored placeholders, with the ids of the placeholders' tickets.
    """

    routes: list[Route] = field(default_factory=list)
    contents: list[tuple[MessageIdentified, int]] = field(default_factory=list)
    unroutable: list[MessageIdentified] = field(default_factory=list)


def get_conversation_key(message: MessageIdentified) -> ConversationKey:
    """Return the conversation of a message: the group's, or the contact's."""
    return ConversationKey(message.company_id, message.whatsapp_id, message.contact_id)


def get_message_key(message: MessageIdentified) -> MessageKey:
    """Return the key of a message."""
    return MessageKey(message.company_id, message.whatsapp_id, message.wid)


def route_messages(
    plan: Plan,
    conversations: Mapping[ConversationKey, Conversation],
    stored: Mapping[MessageKey, StoredMessage],
    batch: Sequence[MessageIdentified],
    echoes: Collection[MessageKey] = (),
    late_after: timedelta = timedelta.max,
) -> Routing:
    """Find or create the ticket of each message that is not stored yet.

    Later messages see the tickets of earlier ones. Messages that are stored, or repeated in the
    batch, are skipped, except for the first content after a placeholder: that of a stored one goes
    to its ticket, which it neither reopens nor replaces. Messages in `echoes` neither reopen nor
    create tickets. The contact of a message written `late_after` ago is not asked for consent.
    """
    routing = Routing()
    closed = {t.conversation: t for t in plan.before.values() if t.status == CLOSED}
    has_content = {key: not message.is_placeholder for key, message in stored.items()}
    for message in batch:
        key = get_message_key(message)
        if has_content.get(key, False) or (key in has_content and message.is_placeholder):
            continue
        has_content[key] = not message.is_placeholder
        if key in stored:
            routing.contents.append((message, stored[key].ticket_id))
            continue
        conversation = conversations.get(get_conversation_key(message))
        if conversation is None:
            routing.unroutable.append(message)
            continue
        live, last = plan.find_live(conversation.key), closed.get(conversation.key)
        if live:
            routing.routes.append(Route(message, live, NONE))
        elif last and key in echoes:
            routing.routes.append(Route(message, last, NONE))
        else:
            if is_late(message.timestamp, message.received_at, late_after):
                conversation = replace(conversation, asks_consent=False)
            routing.routes.append(_reopen_or_create(plan, last, conversation, message))
    return routing


def _reopen_or_create(
    plan: Plan, last: Ticket | None, conversation: Conversation, message: MessageIdentified
) -> Route:
    """Reopen the last ticket within the line's window, else create a new one."""
    if last and is_within_window(last, conversation.reopen_minutes, message.timestamp):
        reopen_ticket(plan, last, group_as_ticket=conversation.group_as_ticket, cause=message)
        return Route(message, plan.tickets[last.key], REOPENED)
    return Route(message, _begin(plan, conversation, message), OPENED)


def _begin(plan: Plan, conversation: Conversation, message: MessageIdentified) -> Ticket:
    status = _choose_first_status(conversation, is_group=message.is_group)
    ticket = Ticket(
        id=0,
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        contact_id=conversation.contact_id,
        status=status,
        user_id=None if message.is_group else conversation.wallet_user_id,
        queue_id=None,
        is_group=message.is_group,
        unread_messages=0,
        updated_at=plan.now,
    )
    new = NewTicket(ticket, channel=message.channel, lid=message.lid, jid=message.jid)
    return plan.begin(new, Log("lgpd" if status == LGPD else "create"), message)


def _choose_first_status(conversation: Conversation, *, is_group: bool) -> str:
    if is_group:
        return choose_waiting_status(is_group=True, group_as_ticket=conversation.group_as_ticket)
    if conversation.asks_consent:
        return LGPD
    return OPEN if conversation.wallet_user_id else PENDING


def list_attended(routing: Routing) -> list[Ticket]:
    """Return the tickets of the routed messages, which need an open attendance."""
    tickets = {route.ticket.key: route.ticket for route in routing.routes}
    return [ticket for ticket in tickets.values() if ticket.status != CLOSED]


def list_changed(plan: Plan) -> set[TicketKey]:
    """Return the reopened tickets."""
    return {ticket.key for ticket in plan.changed}


def build_outcome(
    routing: Routing, ids: Mapping[int, int], attendance_ids: Mapping[int, int]
) -> Outcome:
    """Return the facts about messages and about opened or reopened tickets.

    `ids` maps new tickets to their saved ids, `attendance_ids` tickets to open attendances.
    """
    outcome: Outcome = list(_reject(routing.unroutable))
    for route in routing.routes:
        if route.effect != NONE:
            fact = build_ticket_fact(route.ticket, FACTS[route.effect], ids)
            outcome.append(Emit(route.message, fact))
        outcome.append(Emit(route.message, _build_routed(route, ids, attendance_ids)))
    for message, ticket_id in routing.contents:
        outcome.append(Emit(message, MessageRouted(**dict(message), ticket_id=ticket_id)))
    return outcome


def _build_routed(
    route: Route, ids: Mapping[int, int], attendance_ids: Mapping[int, int]
) -> MessageRouted:
    ticket, message = route.ticket, route.message
    ticket_id = ids.get(ticket.id, ticket.id)
    is_sent_by_contact = message.sender_id == message.contact_id
    members = dict(message) | {
        "contact_id": ticket.contact_id,  # the canonical contact, if it was merged meanwhile
        "sender_id": ticket.contact_id if is_sent_by_contact else message.sender_id,
    }
    return MessageRouted(
        **members,
        ticket_id=ticket_id,
        queue_id=ticket.queue_id,
        ticket_traking_id=attendance_ids.get(ticket_id),
        ticket_effect=route.effect,
    )


def _reject(messages: Iterable[MessageIdentified]) -> Iterable[Reject]:
    for message in messages:
        detail = (
            f"company {message.company_id} no longer has contact {message.contact_id} "
            f"or line {message.whatsapp_id}"
        )
        yield Reject(message, "unknown-contact", detail)
