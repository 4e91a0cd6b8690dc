"""What the messages worker does with each kind of record: load, decide, save, tell."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules import answers as answering
from services.messages.rules import changes as changing
from services.messages.rules import compose as composing
from services.messages.rules import connections, messages, moves, raw_events, sending
from services.messages.store import answers, changes, compose, lines, sends
from services.messages.store import messages as store
from services.messages.store import moves as moving
from shared.contracts.answer import MessageAnswered
from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import ContactMerged
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import MessageRouted, MessageSend, MessageUpdated
from shared.contracts.message_change import MessageChange
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketTransferred, TicketViewed
from shared.delivery import dead_letters

log = structlog.get_logger("chatia.messages")


async def translate_evolution(conn: AsyncConnection, batch: Sequence[EvolutionRecord]) -> Outcome:
    """Turn Evolution API's raw events into ours, for the lines that are registered."""
    connected = {raw_events.connection_of(record) for record in batch}
    return _said(raw_events.translate(await lines.lines(conn, "evolution", connected), batch))


async def translate_posted(conn: AsyncConnection, batch: Sequence[GatewayReceived]) -> Outcome:
    """Turn payloads that gateways posted into ours."""
    posting = {raw_events.connected_line_of(posted) for posted in batch}
    return _said(raw_events.translate_posted(await lines.instances(conn, posting), batch))


def _said(translated: raw_events.Translated) -> Outcome:
    """Say how many parts of payloads became nothing, and why, so that none vanishes unseen."""
    if translated.ignored:
        log.info("payloads.ignored", reasons=dict(translated.ignored))
    return translated.outcome


async def store_messages(
    conn: AsyncConnection, batch: Sequence[MessageRouted], namespace: str
) -> Outcome:
    """Store each message once; a copy of a stored one is refused, and told so.

    What came before its message is applied now: answers that quote it, acks, edits and the like.
    The echo of a send of ours is a copy too, also of one that has no row.
    """
    plan = messages.place(batch)
    sent = await answers.named(conn, messages.from_us(plan))
    placed = await store.insert(conn, messages.unless_sent(plan, sent))
    ids = {wid: row.message_id for wid, row in placed.items()}
    await store.quote(conn, messages.quotes(plan, ids))
    await store.answer_waiting(conn, ids)
    early = changing.read(await changes.arrived(conn, ids))
    facts = await _applied(conn, [event for _, event in early], early, namespace)
    return [*messages.stored(plan, placed), *messages.changed_on_arrival(plan, ids, facts)]


async def change_messages(
    conn: AsyncConnection, batch: Sequence[MessageChange], namespace: str
) -> Outcome:
    """Apply acks, edits, deletions, reactions and reads; those of no message yet wait for it."""
    joined = await _join(conn, answering.acknowledged(batch), namespace, may_be_new=False)
    known = await lines.existing(conn, {changing.line_of(event) for event in batch})
    targets = await changes.lock(conn, {changing.wid_of(event) for event in batch})
    plan = changing.change(known, targets, batch)
    sent = await answers.named(conn, changing.of_no_message(plan), without_row=True)
    await changes.wait(conn, changing.awaited(plan, sent))
    return [*joined, *changing.changed(plan, await changes.apply(conn, plan))]


async def compose_messages(conn: AsyncConnection, batch: Sequence[MessageCompose]) -> Outcome:
    """Store the messages that are asked for, and have those sent that are no private notes."""
    known = await lines.existing(conn, {(ask.company_id, ask.whatsapp_id) for ask in batch})
    found = await compose.conversations(conn, {composing.asked(request) for request in batch})
    plan = composing.compose(known, found, await compose.now(conn), batch)
    begun = await compose.begin_sends(conn, plan.rows)
    ids = await compose.insert(conn, composing.new(plan, begun))
    await store.quote(conn, composing.quotes(plan, ids))
    return composing.composed(plan, ids)


async def queue_sends(conn: AsyncConnection, batch: Sequence[MessageSend]) -> Outcome:
    """Let our sender make the sends of those lines whose gateway it can ask."""
    asked = await sends.lines(conn, {sending.line_of(send) for send in batch})
    await sends.queue(conn, sending.waiting(asked, batch))
    return []


async def join_answers(
    conn: AsyncConnection, batch: Sequence[MessageAnswered], namespace: str
) -> Outcome:
    """Note what became of sends, on them and on the messages that they are of."""
    known = await lines.existing(conn, {answering.line_of(event) for event in batch})
    return await _join(conn, answering.answers(known, batch), namespace, may_be_new=True)


async def _join(
    conn: AsyncConnection, plan: answering.Plan, namespace: str, *, may_be_new: bool
) -> Outcome:
    """Call rows as their gateways do; what was told by that name before is theirs from now on."""
    if not plan.answers:
        return plan.outcome
    joined = await answers.save(conn, list(plan.answers.values()), may_be_new=may_be_new)
    names = answering.names(joined)
    echoes = await answers.absorb(conn, names)
    await store.answer_waiting(conn, names)
    early = changing.read(await changes.arrived(conn, {send.name for send in joined}))
    events = answering.events(plan, joined, echoes, (event for _, event in early))
    facts = await _applied(conn, events, early, namespace)
    return answering.told(plan, joined, echoes, facts)


async def _applied(
    conn: AsyncConnection,
    events: Sequence[MessageChange],
    early: Sequence[tuple[changing.Waiting, MessageChange]],
    namespace: str,
) -> Mapping[int, MessageUpdated]:
    """Apply what is told of messages that are there; who did not write one changes nothing."""
    targets = await changes.lock(conn, {changing.wid_of(event) for event in events})
    plan = changing.change((), targets, events)
    letters = [
        dead_letters.letter_of_event(
            waiting.number, event, namespace, waiting.since, dead.reason, dead.detail
        )
        for waiting, event, dead in changing.refused(plan, early)
    ]
    if letters:
        await dead_letters.save_without_record(conn, "messages", letters)
    return await changes.apply(conn, plan)


async def follow_tickets(conn: AsyncConnection, batch: Sequence[TicketTransferred]) -> Outcome:
    """Move the messages of tickets that go on as others."""
    return moves.moved(batch, await moving.follow(conn, moves.left_behind(batch)))


async def see_tickets(conn: AsyncConnection, batch: Sequence[TicketViewed]) -> Outcome:
    """Mark the messages that users have seen as read."""
    return moves.seen(batch, await moving.see(conn, moves.viewed(batch)))


async def follow_contacts(conn: AsyncConnection, batch: Sequence[ContactMerged]) -> Outcome:
    """Let the messages of merged contacts be of those that stand for them."""
    await moving.reassign(conn, moves.merged(batch))
    return []


async def update_lines(conn: AsyncConnection, batch: Sequence[ConnectionUpdated]) -> Outcome:
    """Save the newest status of each line."""
    keys = {(event.company_id, event.whatsapp_id) for event in batch}
    plan = connections.newest(await lines.existing(conn, keys), batch)
    await lines.update_states(conn, list(plan.states.values()))
    return plan.outcome


async def tell_answers(conn: AsyncConnection) -> Sequence[Event]:
    """Tell what our sender has found out."""
    return sending.untold(await sends.untold(conn))


async def settle_waiting(conn: AsyncConnection, namespace: str, kept: timedelta) -> Sequence[Event]:
    """Apply changes that missed their message by an instant; give up those that waited too long."""
    found = changing.read(await changes.missed(conn, kept))
    facts = await _applied(conn, [event for _, event in found], found, namespace)
    detail = f"its message did not come within {kept.total_seconds() / 3600:g} hours"
    letters = [
        dead_letters.letter_of_event(
            waiting.number, event, namespace, waiting.since, "unknown-message", detail
        )
        for waiting, event in changing.read(await changes.expired(conn, kept))
    ]
    if letters:
        await dead_letters.save_without_record(conn, "messages", letters)
    return list(facts.values())
