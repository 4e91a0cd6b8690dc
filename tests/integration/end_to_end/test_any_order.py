"""Gateways' events in any order, some of them twice, through the four services: the same rows.

A history: people and a group write and are written to; messages are acknowledged, edited, deleted,
reacted to and read; users send requests about tickets; messages are composed, get a send result
from their gateway and are echoed. It is played twice. First in its order, and before each request
all earlier events have taken effect. Then in another order: services take facts at any time and cut
their batches anywhere, and only these rules hold:

- Requests about a chat's tickets keep their order and come when the ticket exists: the first
  message of a conversation comes before requests about it. Repetitions come at any time.
- A message belongs to the attendance and the queue that its ticket is in when it comes, so it does
  not cross a request that ends an attendance, begins one, or changes the queue; it may be anywhere
  on its way to its row meanwhile. Nor does it cross requests about a closed ticket, which it may
  reopen. It crosses all others.
- A content comes before or after its placeholder. If the conversation turned in between, the
  placeholder is stored before it, for the same reason as the original of a copy:
- A copy comes at any time after its original. Once the conversation has turned, the original is
  stored before it: a copy that overtakes it may open a ticket, which is discarded and leaves its
  log.
- Acks, edits, deletions, reactions, reads and send results come at any time, also first. A composed
  text differs from all others: without its send result only the text recognises its echo.
- A person has one name and one address; of several, the first that comes is kept.

Not compared: ids and audit times; the identities that a ticket has from its contact as that was
when the ticket began; what a ticket showed last when it became another one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.base import Event, Request
from shared.contracts.message import MessageReceived
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket_request import TicketRequest
from shared.settings import DatabaseSettings
from tests.support.histories import TRANSFER_NOTE, History, Item, LineSettings, histories
from tests.support.relay import BEFORE_ROUTING, Relay
from tests.support.ticket_harness import SWITCHES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3_600)]

QUESTION = "De 0 a 10?"
WORLD = f"""
INSERT INTO "Companies" (id, name) VALUES (1, 'Empresa 1');
INSERT INTO "Whatsapps" (id, "companyId", name, "allowGroup", "ratingMessage",
                         "timeCreateNewTicket")
  VALUES (10, 1, 'Linha', TRUE, '{QUESTION}', :minutes);
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
  VALUES (5, 1, 'Ana', 'ana@example.com', ''), (6, 1, 'Rui', 'rui@example.com', '');
INSERT INTO "Queues" (id, "companyId", name, color, "closeTicket")
  VALUES (7, 1, 'Vendas', '#aaa', FALSE), (8, 1, 'Suporte', '#bbb', FALSE),
         (9, 1, 'Fim', '#ccc', TRUE)
"""  # noqa: S608 - the test's own text
STANDING = text("""
SELECT t.id, t.status, t."queueId", k.id AS traking_id
FROM "Contacts" c JOIN "Tickets" t ON t."companyId" = 1 AND t."contactId" = c.id
LEFT JOIN "TicketTraking" k ON k."ticketId" = t.id AND k."finishedAt" IS NULL
WHERE c."companyId" = 1 AND c.number = :chat ORDER BY t.id
""")

# Tickets and attendances are named by their contact and their number; auto-replies by their text.
NAMES = f"""
WITH ticket AS (
  SELECT t.*, c.number || '#' || row_number() OVER (PARTITION BY c.id ORDER BY t.id) AS called
  FROM "Tickets" t JOIN "Contacts" c ON c.id = t."contactId"
), attendance AS (
  SELECT k.*, t.called AS ticket,
         t.called || '.' || row_number() OVER (PARTITION BY t.id ORDER BY k.id) AS called
  FROM "TicketTraking" k JOIN ticket t ON t.id = k."ticketId"
), message AS (
  SELECT m.*, m.body IN ('{QUESTION}', '{TRANSFER_NOTE}') AS by_ticket FROM "Messages" m
)
"""  # noqa: S608 - the test's own text
ROWS = {
    "Contacts": """
SELECT number, lid, jid, "remoteJid", name, "isGroup", active, channel, "whatsappId",
       "mergedIntoContactId" FROM "Contacts" ORDER BY number""",
    "Tickets": """
SELECT t.called, t.status, t."unreadMessages", to_.called AS successor,
       CASE WHEN to_.id IS NULL THEN t."lastMessage" END AS last,
       CASE WHEN to_.id IS NULL THEN t."fromMe" END AS ours_is_last,
       t."userId", t."queueId", t."isGroup", t."isBot", t.channel, t."closedAt" IS NOT NULL,
       t."amountUsedBotQueuesNPS", t."sendInactiveMessage"
FROM ticket t LEFT JOIN "TicketSuccessors" s ON s."ticketId" = t.id
LEFT JOIN ticket to_ ON to_.id = s."successorId" ORDER BY t.called""",
    "TicketTraking": """
SELECT called, "userId", "queueId", "whatsappId", rated, "chatbotAt" IS NULL, "queuedAt" IS NULL,
       "startedAt" IS NULL, "closedAt" IS NULL, "finishedAt" IS NULL, "ratingAt" IS NULL
FROM attendance ORDER BY called""",
    "LogTickets": """
SELECT t.called, l.type, l."userId", l."queueId"
FROM "LogTickets" l JOIN ticket t ON t.id = l."ticketId" ORDER BY t.called, l.id""",
    "TicketNotes": """
SELECT t.called, n.note, n."userId" FROM "TicketNotes" n JOIN ticket t ON t.id = n."ticketId"
ORDER BY t.called, n.id""",
    "UserRatings": """
SELECT t.called, r.rate, r."userId" FROM "UserRatings" r JOIN ticket t ON t.id = r."ticketId"
ORDER BY t.called, r.id""",
    "Messages": """
SELECT CASE WHEN m.by_ticket THEN m.body ELSE m.wid END AS wid,
       CASE WHEN NOT m.by_ticket THEN m."createdAt" END AS at, m.body, m."fromMe", m.read, m.ack,
       m."mediaType", m."isForwarded", m."isPrivate", m."isEdited", m."isDeleted", m."remoteJid",
       m.participant, m."queueId", t.called AS ticket, a.called AS attendance, c.number AS sender,
       q.wid AS quoted, k."editedAt", k."errorCode", k.error,
       (SELECT array_agg((r.author, r.emoji, r."reactedAt") ORDER BY r.author)
        FROM "Reactions" r WHERE r."messageId" = m.id) AS reactions
FROM message m JOIN ticket t ON t.id = m."ticketId"
LEFT JOIN attendance a ON a.id = m."ticketTrakingId"
LEFT JOIN "Contacts" c ON c.id = m."contactId" LEFT JOIN "Messages" q ON q.id = m."quotedMsgId"
LEFT JOIN "MessageMarks" k ON k."messageId" = m.id
ORDER BY t.called, 1, a.called, m."queueId", c.number""",
    "Sends": """
SELECT s."sendId", s.wid, s.status, m.wid AS message
FROM "Sends" s LEFT JOIN message m ON m.id = s."messageId"
WHERE m.by_ticket IS NOT TRUE ORDER BY s."sendId" """,
    "AwaitedChanges": 'SELECT wid, type, change FROM "AwaitedChanges" ORDER BY wid, digest',
    "AwaitedQuotes": """
SELECT q.wid, m.wid FROM "AwaitedQuotes" q JOIN "Messages" m ON m.id = q."messageId"
ORDER BY q.wid, m.wid""",
}
Rows = Mapping[str, list[tuple[Any, ...]]]
Life = list[tuple[int, int | None, int | None]]  # ids of a live ticket, its queue, its attendance


@dataclass(frozen=True, slots=True)
class Step:
    """An item of a history as it was played first: its ticket, and the items that come before it.

    `chapter` is the request with which the conversation turned last; `turns` says that it turns
    with this item.
    """

    item: Item
    needs: frozenset[int]
    chapter: int | None
    ticket: int
    turns: bool


@dataclass(slots=True)
class Chat:
    """The state of a conversation while its history is played."""

    chapter: int | None = None
    is_alive: bool = False
    opener: int | None = None
    entered: set[int] = field(default_factory=set)
    last_request: int | None = None

    def add(self, index: int, item: Item) -> frozenset[int]:
        """Add an item, and return the items that have to come before it."""
        needed = {self.chapter, item.of} if is_message(item) else {item.of}
        if isinstance(item.event, Request):
            needed |= {self.opener}
        if isinstance(item.event, TicketRequest):
            needed |= {self.last_request}
            self.last_request = index
        if is_message(item):
            self.entered.add(index)
        if is_message(item) and not self.is_alive and self.opener is None:
            self.opener = index
        return frozenset(each for each in needed if each is not None)

    def turn(self, index: int, *, is_alive: bool) -> frozenset[int]:
        """Begin another chapter, and return the messages of the last one, which came before it."""
        entered = frozenset(self.entered)
        self.chapter, self.opener, self.is_alive = index, None, is_alive
        self.entered.clear()
        return entered


def is_message(item: Item) -> bool:
    """Return whether an item is a message that is routed to a ticket."""
    return isinstance(item.event, MessageReceived | MessageCompose)


def is_shown_later(step: Step, steps: Mapping[int, Step]) -> bool:
    """Return whether a content comes after its placeholder's conversation has turned."""
    shows = step.item.shows
    return shows is not None and steps[shows].chapter != step.chapter


def set_ticket(event: Event, ticket_id: int) -> Event:
    """Return a request with the id of its ticket, and other events as they are."""
    if isinstance(event, TicketRequest):
        return event.model_copy(update={"ticket_id": ticket_id})
    return event


async def load_tickets(conn: AsyncConnection, chat: str) -> tuple[list[int], Life]:
    """Return the ids of a chat's tickets, and the state of the one that is not closed."""
    rows = (await conn.execute(STANDING, {"chat": chat})).all()
    life = [(row.id, row.queueId, row.traking_id) for row in rows if row.status != "closed"]
    return [row.id for row in rows], life


async def play(conn: AsyncConnection, history: History) -> dict[int, Step]:
    """Play a history in its order, without requests about tickets that do not exist."""
    relay = Relay(conn)
    chats: defaultdict[str, Chat] = defaultdict(Chat)
    steps: dict[int, Step] = {}
    for index, item in enumerate(history.items):
        if item.of is not None and item.of not in steps:
            continue
        chat, ids, life = chats[item.chat], [0], Life()
        if isinstance(item.event, Request):
            await relay.drain()
            ids, life = await load_tickets(conn, item.chat)
            if not (life if isinstance(item.event, MessageCompose) else ids):
                continue
        relay.put(set_ticket(item.event, ids[-1]))
        chapter, needs, turns = chat.chapter, chat.add(index, item), False
        if isinstance(item.event, TicketRequest):
            await relay.drain()
            _, after = await load_tickets(conn, item.chat)
            turns = after != life or not life
            if turns:
                needs |= chat.turn(index, is_alive=bool(after))
        steps[index] = Step(item, needs, chapter, len(ids) - 1, turns)
    await relay.drain()
    return steps


async def play_otherwise(
    conn: AsyncConnection, history: History, steps: Mapping[int, Step]
) -> None:
    """Play a history in its other order, with random pauses between services."""
    pace = Random(history.pace)
    relay = Relay(conn, pace)
    chapters: dict[str, int | None] = {}
    needs = {index: step.needs for index, step in steps.items()}
    for index in history.in_another_order(needs):
        original = history.original(index)
        step = steps[original]
        event, chat = step.item.event, step.item.chat
        if isinstance(event, Request):
            await relay.drain(BEFORE_ROUTING)
            ids, _ = await load_tickets(conn, chat)
            event = set_ticket(event, ids[step.ticket])
        elif is_message(step.item) and (
            chapters.get(chat) != step.chapter or is_shown_later(step, steps)
        ):
            await relay.drain()
        relay.put(event)
        if isinstance(event, Request):
            await relay.drain([type(event)])
        if step.turns and index == original:
            chapters[chat] = index
        await relay.run_batches(pace.randint(0, 2))
    await relay.drain()


async def insert_company(conn: AsyncConnection, data: LineSettings) -> None:
    """Insert the company with its policy."""
    on = {True: "enabled", False: "disabled"}
    switches = dict.fromkeys(SWITCHES, "disabled") | {
        "userRating": on[data.asks_rating],
        "enableLGPD": on[data.forgets],
        "lgpdDeleteMessage": on[data.forgets],
    }
    names = ", ".join(f'"{name}"' for name in switches)
    values = ", ".join(f"'{value}'" for value in switches.values())
    policy = (
        f'INSERT INTO "CompaniesSettings" ("companyId", "closeTicketOnTransfer", {names}) '  # noqa: S608 - the test's own
        f"VALUES (1, {data.hands_over}, {values})"
    )
    for statement in [*WORLD.split(";\n"), policy]:
        given_ = {"minutes": 30 if data.reopens else 0} if ":minutes" in statement else {}
        await conn.execute(text(statement), given_)


async def read_rows(conn: AsyncConnection) -> Rows:
    return {
        table: [tuple(row) for row in await conn.execute(text(NAMES + query))]
        for table, query in ROWS.items()
    }


async def play_both(conn: AsyncConnection, history: History) -> tuple[Rows, Rows]:
    """Return the rows after a history in its order, and in the other one."""
    async with conn.begin() as transaction:
        await insert_company(conn, history.settings)
        steps = await play(conn, history)
        in_order = await read_rows(conn)
        await transaction.rollback()
    async with conn.begin() as transaction:
        await insert_company(conn, history.settings)
        await play_otherwise(conn, history, steps)
        mixed = await read_rows(conn)
        await transaction.rollback()
    return in_order, mixed


USUAL_DAYS = 8


async def connect(url: str) -> AsyncConnection:
    address = DatabaseSettings.model_validate({"DATABASE_URL": url}).url
    return await create_async_engine(address, poolclass=NullPool).connect()


def test_shuffled_and_doubled_events_end_in_the_same_rows(
    shared_migrated_url: str, days: int
) -> None:
    with asyncio.Runner() as runner:
        conn = runner.run(connect(shared_migrated_url))

        @settings(
            max_examples=days,
            derandomize=days <= USUAL_DAYS,  # the usual run is the same every time
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(histories())
        def ends_in_the_same_rows(history: History) -> None:
            in_order, mixed = runner.run(play_both(conn, history))
            for table in ROWS:
                assert mixed[table] == in_order[table], table

        ends_in_the_same_rows()
        runner.run(conn.close())
