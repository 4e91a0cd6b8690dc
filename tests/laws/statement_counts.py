"""SQL statements per handler and batch: a table in which a reviewer sees every change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

# Statements for one event of each contract, and for any larger batch: a rare case (a reply to
# quote, a lane to leave, a placeholder to replace) may need its statement only in the larger one.
HANDLERS: dict[str, tuple[int, int]] = {
    "contacts.identify_messages": (3, 5),
    "contacts.link_contacts": (11, 11),
    "contacts.apply_requests": (6, 11),
    "contacts.save_consents": (3, 3),
    "contacts.apply_records": (10, 10),
    "tickets.route_messages": (4, 6),
    "tickets.refresh_tickets": (3, 9),
    "tickets.follow_contacts": (1, 1),
    "tickets.note_number_changes": (1, 1),
    "tickets.apply_requests": (13, 13),
    "tickets.open_tickets": (12, 15),
    "tickets.apply_records": (12, 12),
    "messages.translate_evolution": (1, 1),
    "messages.translate_posted": (1, 1),
    "messages.store_messages": (3, 7),
    "messages.change_messages": (4, 7),
    "messages.update_lines": (2, 2),
    "messages.compose_messages": (9, 11),
    "messages.request_changes": (7, 7),
    "messages.save_send_results": (7, 13),
    "messages.move_messages": (1, 1),
    "messages.mark_messages_read": (0, 1),
    "messages.reassign_messages": (1, 1),
    "messages.apply_records": (12, 12),
    "campaigns.save_shippings": (2, 2),
    "campaigns.apply_records": (12, 12),
}
# Statements of a timer that finds nothing due.
TIMERS: dict[str, int] = {
    "contacts.purges": 1,
    "tickets.waiting-tickets": 3,
    "tickets.purges": 4,
    "messages.waiting-changes": 2,
    "messages.answers": 1,
    "messages.purges": 4,
    "campaigns.sends": 2,
    "campaigns.purges": 1,
}
TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT")


@contextmanager
def record_statements(conn: AsyncConnection) -> Iterator[list[str]]:
    """Yield a list to which every SQL statement is added; savepoints and BEGIN are left out."""
    statements: list[str] = []

    def record(*arguments: Any) -> None:  # Any: the event's arguments have many types
        statement: str = arguments[2]
        if not statement.startswith(TRANSACTION_CONTROL):
            statements.append(statement)

    engine = conn.engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)
