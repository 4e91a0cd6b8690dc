"""What the tickets worker does with each kind of message: load, decide, save, tell."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules import routing
from services.tickets.store import attendances, conversations, tallies
from shared.contracts.message import MessageIdentified
from shared.contracts.outcome import Outcome


async def route_messages(conn: AsyncConnection, batch: Sequence[MessageIdentified]) -> Outcome:
    """Give each message its ticket: the live one, one reopened, or a new one (schema.md 5)."""
    keys = {routing.key_of(message) for message in batch}
    situations = await conversations.situations(conn, keys)
    known = await conversations.known(conn, keys)
    stored = await conversations.stored(conn, {(m.company_id, m.whatsapp_id, m.wid) for m in batch})
    plan = routing.route(situations, known, stored, batch)
    reopened = await conversations.reopen(conn, plan.reopened)
    opened = await conversations.open_new(conn, plan.new)
    saved = {**reopened, **opened}
    await attendances.log(conn, routing.keys(saved), "create")
    traking_ids = await attendances.find_or_begin(conn, routing.with_ids(plan, saved))
    return routing.routed(plan, saved, traking_ids)


async def refresh_tickets(conn: AsyncConnection, batch: Sequence[routing.Tallied]) -> Outcome:
    """Bring each ticket's unread count and last message up to date with its messages.

    A ticket that began for a message which proved a copy is closed again, if it is still empty;
    a message that was on its way to it brings it back.
    """
    doubtful, touched = routing.to_take_back(batch), routing.touched(batch)
    await tallies.lock(conn, doubtful | touched)
    discarded = await tallies.take_back(conn, doubtful)
    await attendances.log(conn, routing.keys(discarded), "delete")
    alive = touched - routing.keys(discarded)
    revived = await tallies.revive(conn, alive)
    await attendances.log(conn, routing.keys(revived), "create")
    updated = await tallies.refresh(conn, alive)
    return routing.refreshed(batch, [*discarded.values(), *revived.values(), *updated.values()])
