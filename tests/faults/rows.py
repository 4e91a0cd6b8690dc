"""Audit of rows: against what was published, and tickets against their messages."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.dev.demo.comparison import ComparedContact, ComparedTicket, Snapshot
from tests.faults.findings import COUNTERS, LOST, TWICE, WRONG, Finding

MESSAGES = text("""
SELECT "companyId", "whatsappId", wid, id, "ticketId", "fromMe", read, body, "mediaType",
       "mediaUrl", "createdAt", ack, COALESCE("isEdited", FALSE), "isDeleted",
       COALESCE("isPrivate", FALSE),
       ARRAY(SELECT r.author || '=' || r.emoji FROM "Reactions" r
             WHERE r."companyId" = m."companyId" AND r."messageId" = m.id
             ORDER BY r.author COLLATE "C")
FROM "Messages" m WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")
TICKETS = text("""
SELECT id, "companyId", "whatsappId", "contactId", status, "unreadMessages" AS unread,
       "lastMessage" AS last_message, "fromMe" AS from_me, "userId" AS user_id,
       "queueId" AS queue_id,
       CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version
FROM "Tickets" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")
CONTACTS = text("""
SELECT id, "companyId", CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version
FROM "Contacts" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")


class Keyed(Protocol):
    """A row with a unique key."""

    @property
    def key(self) -> tuple[object, ...]: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message: the columns that tickets depend on or that changes write."""

    company_id: int
    whatsapp_id: int
    wid: str
    id: int
    ticket_id: int
    from_me: bool
    read: bool
    body: str
    media_type: str
    media_url: str | None
    at: datetime
    ack: int
    is_edited: bool
    is_deleted: bool
    is_private: bool
    reactions: Sequence[str]  # author=emoji, by author

    @property
    def shown(self) -> str:
        """The text that a list of tickets shows: the body, the name of the file, or the kind."""
        file = (self.media_url or "").partition("?")[0].rpartition("/")[2]
        return self.body or file or self.media_type


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a round that facts and counts are compared with."""

    messages: Sequence[Message]
    tickets: Sequence[Any]
    contacts: Sequence[Any]


async def load_rows(conn: AsyncConnection, company_ids: Sequence[int]) -> Rows:
    """Load the rows of these companies with plain SQL."""
    of_round = {"company_ids": list(company_ids)}
    return Rows(
        messages=[Message(*row) for row in await conn.execute(MESSAGES, of_round)],
        tickets=list(await conn.execute(TICKETS, of_round)),
        contacts=list(await conn.execute(CONTACTS, of_round)),
    )


def check_against_published(expected: Snapshot, actual: Snapshot) -> list[Finding]:
    """Check that each message, contact, ticket and send is one row with the published text."""
    return [
        *_check_keys("message", expected.messages, actual.messages),
        *_check_keys("contact", expected.contacts, actual.contacts),
        *_check_keys("ticket", expected.tickets, actual.tickets),
        *_check_keys("shipping", expected.shippings, actual.shippings),
        *_check_equal(expected.messages, actual.messages),
        *_check_equal(expected.contacts, _clear_unknown_names(expected.contacts, actual.contacts)),
        *_check_equal(expected.tickets, actual.tickets),
        *_check_equal(expected.shippings, actual.shippings),
    ]


def check_tickets(rows: Rows) -> list[Finding]:
    """Check unread counts, last messages and their side against the rows of "Messages"."""
    by_ticket: dict[int, list[Message]] = defaultdict(list)
    for message in rows.messages:
        if not message.is_private:
            by_ticket[message.ticket_id].append(message)
    findings = []
    for ticket in rows.tickets:
        if messages := by_ticket.get(ticket.id):
            wanted = _count(messages)
            actual_values = (ticket.unread, ticket.last_message, ticket.from_me)
            if wanted != actual_values:
                findings.append(
                    Finding(
                        COUNTERS,
                        f"ticket {ticket.id} has {actual_values}, its messages say {wanted}",
                    )
                )
    return findings


def check_live_tickets(rows: Rows) -> list[Finding]:
    """Check that a contact has at most one ticket on a line that is not closed."""
    live = Counter(
        (t.companyId, t.whatsappId, t.contactId) for t in rows.tickets if t.status != "closed"
    )
    return [Finding(TWICE, f"{n} live tickets of {key}") for key, n in live.items() if n > 1]


def _count(messages: Sequence[Message]) -> tuple[int, str, bool]:
    newest = max(messages, key=lambda message: (message.at, message.wid))
    marks = [message.at for message in messages if message.from_me or message.read]
    unread = [m for m in messages if not m.from_me and (not marks or m.at > max(marks))]
    return len(unread), newest.shown, newest.from_me


def _check_keys(name: str, expected: Sequence[Keyed], actual: Sequence[Keyed]) -> list[Finding]:
    wanted, actual_values = (Counter(one.key for one in ones) for ones in (expected, actual))
    return [Finding(LOST, f"no {name} {key}") for key in wanted - actual_values] + [
        Finding(TWICE, f"too many of {name} {key}") for key in actual_values - wanted
    ]


def _check_equal(expected: Iterable[Keyed], actual: Iterable[Keyed]) -> list[Finding]:
    actual_values = {one.key: one for one in actual}
    return [
        Finding(
            COUNTERS if isinstance(one, ComparedTicket) else WRONG,
            f"published {one}, found {actual_values[one.key]}",
        )
        for one in expected
        if one.key in actual_values and actual_values[one.key] != one
    ]


def _clear_unknown_names(
    expected: Collection[ComparedContact], actual: Iterable[ComparedContact]
) -> list[ComparedContact]:
    """Clear the names of contacts that never wrote: no record holds their names."""
    unnamed = {contact.key for contact in expected if contact.name is None}
    return [replace(one, name=None) if one.key in unnamed else one for one in actual]
