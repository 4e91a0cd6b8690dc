"""Store routed messages."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes import awaited_changes
from services.messages.changes.apply import apply_changes
from services.messages.changes.rules import decode_saved
from services.messages.send_results.store import find_sent
from services.messages.storing import rules, store
from shared.contracts.message import MessageRouted
from shared.contracts.outcome import Outcome


async def store_messages(conn: AsyncConnection, batch: Sequence[MessageRouted]) -> Outcome:
    """Store each message once; a duplicate is refused with a fact.

    Quotes and changes that arrived before their message are applied now. The echo of one of our
    sends is a duplicate too, even if that send has no row. A content whose row is a placeholder
    replaces it, after the row's changes: so a batch has the same facts wherever it is cut.
    """
    plan = rules.plan_messages(batch)
    sent = await find_sent(conn, rules.list_from_us(plan))
    inserted = await store.insert_messages(conn, rules.build_rows(plan, sent))
    ids = {key: row.message_id for key, row in inserted.items()}
    await store.link_quotes(conn, rules.build_quotes(plan.first, ids))
    await store.link_waiting_quotes(conn, ids)
    early = decode_saved(await awaited_changes.take_early(conn, ids))
    facts, rejects = await apply_changes(conn, [event for _, event in early], early)
    updates = rules.build_update_facts(plan, ids, facts)
    contents = rules.list_contents(plan, ids)
    placeholders = await store.lock_placeholders(conn, contents)
    new = rules.build_contents(contents, placeholders)
    replaced = await store.replace_placeholders(conn, new)
    await store.link_quotes(conn, rules.build_quotes(contents, placeholders))
    return [*rules.build_facts(plan, inserted, replaced), *updates, *rejects]
