"""What the tickets worker does with each kind of message: load, decide, save, tell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules import answers as answering
from services.tickets.rules import echoes as echoing
from services.tickets.rules import granting, merging, opening, routing, tallying, telling, waiting
from services.tickets.rules import lanes as timing
from services.tickets.rules.plan import TicketKey
from services.tickets.rules.telling import TicketFact
from services.tickets.store import (
    answers,
    attendances,
    conversations,
    desk,
    due,
    lanes,
    steps,
    tallies,
)
from services.tickets.store import merging as merged
from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessageIdentified
from shared.contracts.outcome import Outcome
from shared.contracts.ticket_request import TicketOpen, TicketRequest


async def route_messages(conn: AsyncConnection, batch: Sequence[MessageIdentified]) -> Outcome:
    """Give each message its ticket: the live one, one reopened, or a new one (schema.md 5)."""
    keys = {routing.key_of(message) for message in batch}
    situations = await conversations.situations(conn, keys)
    known = await conversations.known(conn, {found.key for found in situations.values()})
    stored = await conversations.stored(conn, {(m.company_id, m.whatsapp_id, m.wid) for m in batch})
    suspects = echoing.suspects(situations, known, stored, batch)
    echoes = await conversations.echoes(conn, suspects)
    plan = routing.route(situations, known, stored, batch, echoes)
    reopened = await conversations.reopen(conn, plan.reopened)
    opened = await conversations.open_new(conn, plan.new)
    saved = {**reopened, **opened}
    asking = routing.asking_consent(saved)
    await attendances.log(conn, routing.keys(saved) - asking, "create")
    await attendances.log(conn, asking, "lgpd")
    traking_ids = await attendances.find_or_begin(conn, routing.with_ids(plan, saved))
    return routing.routed(plan, saved, traking_ids)


async def refresh_tickets(conn: AsyncConnection, batch: Sequence[tallying.Tallied]) -> Outcome:
    """Bring each ticket's unread count and last message up to date with its messages.

    A ticket that began for a message which proved a copy is closed again, if it is still empty;
    a message that was on its way to it brings it back. What a contact was asked is answered, and
    the timers of lanes follow what was said.
    """
    doubtful, touched = tallying.to_take_back(batch), tallying.touched(batch)
    locked = await tallies.lock(conn, doubtful | touched)
    discarded = await tallies.take_back(conn, doubtful)
    await attendances.log(conn, routing.keys(discarded), "delete")
    alive = touched - routing.keys(discarded)
    messages = answering.messages_of(batch)
    revived = await tallies.revive(conn, alive, messages)
    await attendances.log(conn, routing.keys(revived), "create")
    updated = await tallies.refresh(conn, alive)
    heard = {key: ticket for key, ticket in messages.items() if ticket in locked.asking & alive}
    answered = await _answered(conn, heard)
    moved = await _in_lanes(conn, locked.timed & alive)
    changed = [*discarded.values(), *revived.values(), *updated.values()]
    return telling.refreshed(batch, [*changed, *answered, *moved])


async def _answered(
    conn: AsyncConnection, messages: Mapping[int, TicketKey]
) -> Sequence[TicketFact]:
    if not messages:
        return []
    plan, _ = await desk.plan(conn, set(messages.values()))
    answering.take_answers(plan, await answers.heard(conn, plan.tickets.values(), messages))
    return telling.facts(plan, await steps.save(conn, plan))


async def _in_lanes(conn: AsyncConnection, tickets: Collection[TicketKey]) -> Sequence[TicketFact]:
    """Let timers of lanes begin and end; loads tickets only where some go back to another lane."""
    if not tickets:
        return []
    timers = timing.follow(await lanes.standings(conn, tickets))
    plan, _ = await desk.plan(conn, timers.back.keys())
    timing.go_back(plan, timers)
    ids = await steps.save(conn, plan)
    await lanes.save(conn, timers)
    return telling.facts(plan, ids)


async def grant_requests(conn: AsyncConnection, batch: Sequence[TicketRequest]) -> Outcome:
    """Grant what is asked about tickets, or refuse it, in the order in which it came."""
    plan, successors = await desk.plan(conn, {granting.key_of(request) for request in batch})
    house = await desk.house(conn, batch, successors)
    granting.grant(plan, house, batch)
    return telling.told(plan, await steps.save(conn, plan))


async def open_tickets(conn: AsyncConnection, batch: Sequence[TicketOpen]) -> Outcome:
    """Give users the contacts whom they want to speak with, in new tickets where there are none."""
    situations = await conversations.situations(conn, {opening.key_of(r) for r in batch})
    known = await conversations.known(conn, {found.key for found in situations.values()})
    house = await desk.house(conn, [opening.as_accept(request) for request in batch], {})
    plan = opening.find(situations, known, house, await conversations.now(conn), batch)
    opened = await conversations.open_new(conn, plan.new)
    await attendances.log(conn, routing.keys(opened), "create")
    await attendances.find_or_begin(conn, opening.begun(plan, opened))
    asked = opening.accepts(plan, opened)
    tickets, successors = await desk.plan(conn, {granting.key_of(accept) for _, accept in asked})
    granting.grant(tickets, replace(house, successors=successors), [accept for _, accept in asked])
    granted = telling.told(tickets, await steps.save(conn, tickets))
    return opening.told(plan, opened, asked, granted)


async def follow_contacts(conn: AsyncConnection, batch: Sequence[ContactMerged]) -> Outcome:
    """Let the tickets of merged contacts be of those that stand for them."""
    winners = await merged.winners(conn, merging.merged(batch))
    if not winners:
        return []
    standing = {(company_id, winner) for (company_id, _), winner in winners.items()}
    plan, _ = await desk.plan(conn, await merged.live(conn, winners.keys() | standing))
    merging.merge(plan, winners, batch)
    ids = await steps.save(conn, plan)
    await merged.move(conn, winners)
    return telling.told(plan, ids)


async def pass_time(conn: AsyncConnection) -> Sequence[TicketFact]:
    """Warn and close the idle, forget marks not given, redirect the unqueued, move on in lanes."""
    late = await due.due(conn)
    if not late:
        return []
    plan, _ = await desk.plan(conn, {found.key for found in late})
    waiting.pass_time(plan, late)
    return telling.facts(plan, await steps.save(conn, plan))
