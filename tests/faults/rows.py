"""The rows of a round against what was published, and tickets against their messages."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.demo.facts import ContactFact, Facts, TicketFact
from tests.faults.findings import COUNTERS, LOST, TWICE, UNTRUE, Finding

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
    """Whatever there may be only one of."""

    @property
    def key(self) -> tuple[object, ...]: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message, as far as its ticket depends on it, and what changes leave of it."""

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
        """What a list of tickets shows of it: its words, its file's name, or what it is."""
        file = (self.media_url or "").partition("?")[0].rpartition("/")[2]
        return self.body or file or self.media_type


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a round that facts and counters are held against."""

    messages: Sequence[Message]
    tickets: Sequence[Any]
    contacts: Sequence[Any]


async def read(conn: AsyncConnection, company_ids: Sequence[int]) -> Rows:
    """Read them with plain SQL."""
    of_round = {"company_ids": list(company_ids)}
    return Rows(
        messages=[Message(*row) for row in await conn.execute(MESSAGES, of_round)],
        tickets=list(await conn.execute(TICKETS, of_round)),
        contacts=list(await conn.execute(CONTACTS, of_round)),
    )


def against_published(expected: Facts, found: Facts) -> list[Finding]:
    """Everything that was published is a row once, with the words that were published."""
    return [
        *_once("message", expected.messages, found.messages),
        *_once("contact", expected.contacts, found.contacts),
        *_once("ticket", expected.tickets, found.tickets),
        *_once("shipping", expected.shippings, found.shippings),
        *_alike(expected.messages, found.messages),
        *_alike(expected.contacts, _named_alike(expected.contacts, found.contacts)),
        *_alike(expected.tickets, found.tickets),
        *_alike(expected.shippings, found.shippings),
    ]


def tickets_against_messages(rows: Rows) -> list[Finding]:
    """Unread, last message and its side follow from the rows of "Messages" alone."""
    by_ticket: dict[int, list[Message]] = defaultdict(list)
    for message in rows.messages:
        if not message.is_private:
            by_ticket[message.ticket_id].append(message)
    findings = []
    for ticket in rows.tickets:
        if messages := by_ticket.get(ticket.id):
            wanted = _counted(messages)
            there = (ticket.unread, ticket.last_message, ticket.from_me)
            if wanted != there:
                findings.append(
                    Finding(COUNTERS, f"ticket {ticket.id} has {there}, its messages say {wanted}")
                )
    return findings


def one_live_ticket_each(rows: Rows) -> list[Finding]:
    """A contact has at most one ticket on a line that is not closed."""
    live = Counter(
        (t.companyId, t.whatsappId, t.contactId) for t in rows.tickets if t.status != "closed"
    )
    return [Finding(TWICE, f"{n} live tickets of {key}") for key, n in live.items() if n > 1]


def _counted(messages: Sequence[Message]) -> tuple[int, str, bool]:
    newest = max(messages, key=lambda message: (message.at, message.wid))
    marks = [message.at for message in messages if message.from_me or message.read]
    unread = [m for m in messages if not m.from_me and (not marks or m.at > max(marks))]
    return len(unread), newest.shown, newest.from_me


def _once(name: str, expected: Sequence[Keyed], found: Sequence[Keyed]) -> list[Finding]:
    wanted, there = (Counter(one.key for one in ones) for ones in (expected, found))
    return [Finding(LOST, f"no {name} {key}") for key in wanted - there] + [
        Finding(TWICE, f"too many of {name} {key}") for key in there - wanted
    ]


def _alike(expected: Iterable[Keyed], found: Iterable[Keyed]) -> list[Finding]:
    there = {one.key: one for one in found}
    return [
        Finding(
            COUNTERS if isinstance(one, TicketFact) else UNTRUE,
            f"published {one}, found {there[one.key]}",
        )
        for one in expected
        if one.key in there and there[one.key] != one
    ]


def _named_alike(
    expected: Collection[ContactFact], found: Iterable[ContactFact]
) -> list[ContactFact]:
    """Leave out the names of those who never wrote, since nobody can have told them."""
    unnamed = {contact.key for contact in expected if contact.name is None}
    return [replace(one, name=None) if one.key in unnamed else one for one in found]
