"""What the messages worker does with each kind of record: load, decide, save, tell."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules import changes as changing
from services.messages.rules import connections, messages, raw_events
from services.messages.store import changes, lines
from services.messages.store import messages as store
from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import MessageRouted
from shared.contracts.message_change import MessageChange
from shared.contracts.outcome import Outcome
from shared.delivery import dead_letters


async def translate_evolution(conn: AsyncConnection, batch: Sequence[EvolutionRecord]) -> Outcome:
    """Turn Evolution API's raw events into ours, for the lines that are registered."""
    connected = {raw_events.connection_of(record) for record in batch}
    return raw_events.translate(await lines.lines(conn, "evolution", connected), batch)


async def translate_posted(_: AsyncConnection, batch: Sequence[GatewayReceived]) -> Outcome:
    """Turn payloads that gateways posted into ours."""
    return raw_events.translate_posted(batch)


async def store_messages(conn: AsyncConnection, batch: Sequence[MessageRouted]) -> Outcome:
    """Store each message once; a copy of a stored one is refused, and told so.

    What came before its message is applied now: answers that quote it, acks, edits and the like.
    """
    plan = messages.place(batch)
    ids = await store.insert(conn, plan.rows)
    await store.quote(conn, messages.quotes(plan, ids))
    await store.answer_waiting(conn, ids)
    early = changing.arrived(await changes.arrived(conn, ids))
    editions = changing.change((), ids, early)
    facts = await changes.apply(conn, editions)
    return [*messages.stored(plan, ids), *messages.changed_on_arrival(plan, ids, facts)]


async def change_messages(conn: AsyncConnection, batch: Sequence[MessageChange]) -> Outcome:
    """Apply acks, edits, deletions, reactions and reads; those of no message yet wait for it."""
    known = await lines.existing(conn, {changing.line_of(event) for event in batch})
    ids = await changes.lock(conn, {changing.wid_of(event) for event in batch})
    plan = changing.change(known, ids, batch)
    await changes.wait(conn, plan.awaited)
    return changing.changed(plan, await changes.apply(conn, plan))


async def update_lines(conn: AsyncConnection, batch: Sequence[ConnectionUpdated]) -> Outcome:
    """Save the newest status of each line."""
    keys = {(event.company_id, event.whatsapp_id) for event in batch}
    plan = connections.newest(await lines.existing(conn, keys), batch)
    await lines.update_states(conn, list(plan.states.values()))
    return plan.outcome


async def settle_waiting(conn: AsyncConnection, namespace: str, kept: timedelta) -> Sequence[Event]:
    """Apply changes that missed their message by an instant; give up those that waited too long."""
    found = changing.arrived(await changes.missed(conn, kept))
    ids = await changes.lock(conn, {changing.wid_of(event) for event in found}) if found else {}
    facts = await changes.apply(conn, changing.change((), ids, found))
    detail = f"its message did not come within {kept.total_seconds() / 3600:g} hours"
    letters = [
        dead_letters.letter_of_event(number, event, namespace, since, "unknown-message", detail)
        for number, event, since in changing.expired(await changes.expired(conn, kept))
    ]
    if letters:
        await dead_letters.save_without_record(conn, "messages", letters)
    return list(facts.values())
