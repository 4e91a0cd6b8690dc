"""Which ticket a message belongs to. No clock, no database: same arguments, same answer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.contracts.message import MessageIdentified, MessageRouted
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.ticket import TicketChanged

NONE, OPENED, REOPENED = "none", "opened", "reopened"  # what finding a message's ticket did

ConversationKey = tuple[int, int, int]  # companyId, whatsappId, contactId
Wid = tuple[int, int, str]  # companyId, whatsappId, wid


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides how a new ticket of this contact on this line begins (schema.md 5, step 3).

    `contact_id` is who stands for the contact, where that was merged into another one.
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
        """One not-closed ticket at most has it."""
        return self.company_id, self.whatsapp_id, self.contact_id


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of "Tickets" as it is, or as it will be; a new one has a negative id for now."""

    id: int
    company_id: int
    whatsapp_id: int
    contact_id: int
    status: str
    user_id: int | None
    queue_id: int | None
    is_group: bool
    unread_messages: int
    updated_at: datetime | None
    channel: str = "whatsapp"
    lid: str | None = None
    jid: str | None = None
    is_active_demand: bool = False  # a user of ours began it

    @property
    def key(self) -> ConversationKey:
        """One not-closed ticket at most has it."""
        return self.company_id, self.whatsapp_id, self.contact_id


@dataclass(slots=True)
class Plan:
    """What follows from a batch: tickets to open and reopen, and each message's ticket."""

    new: dict[int, Ticket] = field(default_factory=dict)
    reopened: dict[int, Ticket] = field(default_factory=dict)
    routes: list[tuple[MessageIdentified, Ticket, str]] = field(default_factory=list)
    homeless: list[MessageIdentified] = field(default_factory=list)

    @property
    def tickets(self) -> dict[int, Ticket]:
        """Every ticket that a message goes to, by its planned id."""
        return {ticket.id: ticket for _, ticket, _ in self.routes}


def key_of(message: MessageIdentified) -> ConversationKey:
    """Name the conversation that a message belongs to: a group's, or the contact's."""
    return message.company_id, message.whatsapp_id, message.contact_id


def route(
    situations: Mapping[ConversationKey, Situation],
    known: Iterable[Ticket],
    stored: Collection[Wid],
    batch: Sequence[MessageIdentified],
    echoes: Collection[Wid] = (),
) -> Plan:
    """Find or create the ticket of each message that its line has not stored before.

    A later message sees what an earlier one did. A wid that is stored, or that came earlier in
    this batch, is a copy: it has its row, and moves nothing. Those of `echoes` bring no closed
    ticket back, and begin none.
    """
    plan = Plan()
    live = {t.key: t for t in known if t.status != "closed"}
    closed = {t.key: t for t in known if t.status == "closed"}
    seen = set(stored)
    for message in batch:
        wid = (message.company_id, message.whatsapp_id, message.wid)
        if wid in seen:
            continue
        seen.add(wid)
        situation, effect = situations.get(key_of(message)), NONE
        if situation is None:
            plan.homeless.append(message)
            continue
        key = situation.key
        if key not in live and key in closed and wid in echoes:
            plan.routes.append((message, closed[key], NONE))
            continue
        if key not in live:
            live[key], effect = _found_again(closed.get(key), situation, message, plan)
        plan.routes.append((message, live[key], effect))
    return plan


def _found_again(
    closed: Ticket | None, situation: Situation, message: MessageIdentified, plan: Plan
) -> tuple[Ticket, str]:
    """Reopen the last ticket within the line's window, else begin a new one."""
    if closed and within_window(closed, situation, message.timestamp):
        ticket = replace(closed, status=_waiting(situation, is_group=closed.is_group))
        plan.reopened[ticket.id] = ticket
        return ticket, REOPENED
    ticket = _new(-len(plan.new) - 1, situation, message)
    plan.new[ticket.id] = ticket
    return ticket, OPENED


def within_window(closed: Ticket, situation: Situation, at: datetime) -> bool:
    """Say whether a closed ticket still goes on at this time."""
    if closed.updated_at is None or situation.reopen_minutes <= 0:
        return False
    return at - closed.updated_at <= timedelta(minutes=situation.reopen_minutes)


def _new(ticket_id: int, situation: Situation, message: MessageIdentified) -> Ticket:
    wallet = None if message.is_group else situation.wallet_user_id
    return Ticket(
        id=ticket_id,
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        contact_id=situation.contact_id,
        status=_first_status(situation, is_group=message.is_group),
        user_id=wallet,
        queue_id=None,
        is_group=message.is_group,
        unread_messages=0,
        updated_at=None,
        channel=message.channel,
        lid=message.lid,
        jid=message.jid,
    )


def _first_status(situation: Situation, *, is_group: bool) -> str:
    if is_group:
        return _waiting(situation, is_group=True)
    if situation.asks_consent:
        return "lgpd"
    return "open" if situation.wallet_user_id else "pending"


def _waiting(situation: Situation, *, is_group: bool) -> str:
    """Say how a ticket waits that nobody has: a group's does not, unless so set."""
    return "group" if is_group and not situation.group_as_ticket else "pending"


def routed(
    plan: Plan, saved: Mapping[int, TicketChanged], traking_ids: Mapping[int, int]
) -> Outcome:
    """Tell each message's ticket, and which tickets began or go on.

    `saved` maps planned ids to the tickets as saved; `traking_ids` maps ids to tracking rows.
    """
    told: Outcome = [Dead(m, "unknown-contact", _no_such_contact(m)) for m in plan.homeless]
    for message, ticket, effect in plan.routes:
        if effect != NONE:
            told.append(Told(message, saved[ticket.id]))
        ticket_id = saved[ticket.id].ticket_id if ticket.id in saved else ticket.id
        told.append(
            Told(
                message,
                MessageRouted(
                    **dict(message) | _standing(message, ticket.contact_id),
                    ticket_id=ticket_id,
                    queue_id=ticket.queue_id,
                    ticket_traking_id=traking_ids.get(ticket_id),
                    ticket_effect=effect,
                ),
            )
        )
    return told


def _standing(message: MessageIdentified, contact_id: int) -> dict[str, int | None]:
    """Name who stands for the contact, should that have been merged since it was identified."""
    is_own = message.sender_id == message.contact_id
    return {"contact_id": contact_id, "sender_id": contact_id if is_own else message.sender_id}


def _no_such_contact(message: MessageIdentified) -> str:
    return (
        f"company {message.company_id} no longer has contact {message.contact_id} "
        f"or line {message.whatsapp_id}"
    )


def keys(tickets: Mapping[int, TicketChanged]) -> set[tuple[int, int]]:
    """Name tickets as (company, ticket)."""
    return {(ticket.company_id, ticket.ticket_id) for ticket in tickets.values()}


def asking_consent(tickets: Mapping[int, TicketChanged]) -> set[tuple[int, int]]:
    """Name those of these tickets, as (company, ticket), that begin with the question."""
    return keys({key: ticket for key, ticket in tickets.items() if ticket.status == "lgpd"})


def with_ids(plan: Plan, saved: Mapping[int, TicketChanged]) -> list[Ticket]:
    """List the tickets that are attended to, new ones with the ids that they were saved under."""
    return [
        replace(ticket, id=saved[ticket.id].ticket_id) if ticket.id in saved else ticket
        for ticket in plan.tickets.values()
        if ticket.status != "closed"
    ]
