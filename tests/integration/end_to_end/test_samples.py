"""The sample of every event, published by a Kafka client that is not ours, becomes rows."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from confluent_kafka import Producer
from sqlalchemy import text

from shared.contracts.base import OUTSIDE, Event
from shared.contracts.catalogue import load_contracts
from tests.support.chatia import chatia
from tests.support.deployment import EMPTY, Deployment, deployment

pytestmark = pytest.mark.integration

WORLD = """
INSERT INTO "Companies" (id, name) VALUES (1, 'Loja');
INSERT INTO "Whatsapps" (id, "companyId", name, status, "allowGroup")
  VALUES (10, 1, 'Linha', 'CONNECTED', TRUE);
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
  VALUES (5, 1, 'Ana', 'ana@loja.example.com', ''), (6, 1, 'Rui', 'rui@loja.example.com', '');
INSERT INTO "Queues" (id, "companyId", name, color)
  VALUES (7, 1, 'Vendas', '#aaa'), (8, 1, 'Trocas', '#bbb');
INSERT INTO "Tags" (id, "companyId", name, kanban)
  VALUES (1, 1, 'VIP', 0), (2, 1, 'Atacado', 0), (21, 1, 'Novos', 1);
INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name) VALUES (3, 1, 10, 'Frete');
INSERT INTO "ContactLists" (id, "companyId", name) VALUES (1, 1, 'Clientes');
INSERT INTO "ContactListItems" (id, "companyId", "contactListId", name, number)
  VALUES (501, 1, 1, 'Maria', '5511987654321');
INSERT INTO "Contacts" (id, "companyId", name, number, "isGroup")
  VALUES (101, 1, 'Maria', '5511987654321', FALSE), (102, 1, 'Grupo', '120363025486915472', TRUE),
         (117, 1, 'M.', '91234567890123@lid', FALSE);
INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status, "unreadMessages")
  VALUES (1001, 1, 10, 101, 'pending', 1);
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", wid, body, "contactId",
                        "createdAt")
  VALUES (9001, 1, 10, 1001, '3EB0A1B2C3D4E5F60718', 'Oi', 101, '2026-08-20T12:00:00Z');
"""
OURS = """UPDATE "Messages" SET "fromMe" = TRUE, ack = 1, read = TRUE;"""
DISCONNECTED = "UPDATE \"Whatsapps\" SET status = 'DISCONNECTED';"
OPEN = """UPDATE "Tickets" SET status = 'open', "userId" = 5, "queueId" = 7;"""
TAGGED = 'INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId") VALUES (1, 1001, 1);'
NO_MESSAGE = 'DELETE FROM "Messages";'
NO_TICKET = 'DELETE FROM "Messages"; DELETE FROM "Tickets";'
NOBODY = 'DELETE FROM "Messages"; DELETE FROM "Tickets"; DELETE FROM "Contacts";'
RATING = """UPDATE "Tickets" SET status = 'nps';"""
SENT = """
UPDATE "Messages" SET ack = 0;
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", place)
  VALUES (1, 'c3:5511987654321', 10, '5511987654321', '3EB0A1B2C3D4E5F60718', 9001, 0);
"""
GROUP = 'UPDATE "Messages" SET "remoteJid" = \'120363025486915472@g.us\';'


def message(condition: str) -> str:
    return f"SELECT 1 FROM \"Messages\" WHERE wid = '3EB0A1B2C3D4E5F60718' AND {condition}"  # noqa: S608 - own text


def ticket(condition: str) -> str:
    return f'SELECT 1 FROM "Tickets" WHERE "companyId" = 1 AND {condition}'  # noqa: S608 - own text


def change(kind: str) -> str:
    return f"SELECT 1 FROM \"Sends\" WHERE change ->> 'kind' = '{kind}'"  # noqa: S608 - own text


def contact(condition: str) -> str:
    return f'SELECT 1 FROM "Contacts" WHERE "companyId" = 1 AND {condition}'  # noqa: S608 - own text


# What is changed in the world before, and a query that finds a row once the sample took effect.
ROWS = {
    "campaign.send": ("", 'SELECT 1 FROM "CampaignShipping" WHERE "campaignId" = 3'),
    "connection.updated": (DISCONNECTED, "SELECT 1 FROM \"Whatsapps\" WHERE status = 'CONNECTED'"),
    "contact.consent": ("", contact('id = 101 AND "lgpdAcceptedAt" IS NOT NULL')),
    "contact.delete": ("", contact("id = 101 AND NOT active")),
    "contact.link": ("", contact("number = '5511987654321' AND lid = '91234567890123@lid'")),
    "contact.move": ("", contact("id = 101 AND number = '5511912345678'")),
    "contact.save": ("", contact("id = 101 AND name = 'Maria Souza'")),
    "gateway.received": (NOBODY, message("body = 'Oi'")),
    "message.acked": (OURS, message("ack = -1")),
    "message.compose": ("", "SELECT 1 FROM \"Messages\" WHERE body LIKE 'Bom dia, Maria! Segue%'"),
    "message.delete": (OURS, change("delete")),
    "message.deleted": ("", message('"isDeleted"')),
    "message.edit": (OURS, change("edit")),
    "message.edited": ("", message("body = 'Oi, meu pedido 4711 não chegou'")),
    "message.failed": (OURS + SENT, 'SELECT 1 FROM "Messages" WHERE id = 9001 AND ack = -1'),
    "message.identified": (NO_TICKET, ticket('"contactId" = 102')),
    "message.markRead": ("", change("markRead")),
    "message.react": ("", change("react")),
    "message.reacted": (GROUP, "SELECT 1 FROM \"Reactions\" WHERE emoji = '👍'"),
    "message.read": ("", message("read")),
    "message.received": (NOBODY, message("\"mediaType\" = 'image'")),
    "message.routed": (NO_MESSAGE, message("\"mediaType\" = 'image'")),
    "message.sent": (OURS + SENT, "SELECT 1 FROM \"Messages\" WHERE wid = '3EB0D1E2F3A4B5C60001'"),
    "record.delete": ("", 'SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM "Queues" WHERE id = 7)'),
    "record.save": ("", "SELECT 1 FROM \"Queues\" WHERE color = '#00aa77'"),
    "ticket.accept": ("", ticket('status = \'open\' AND "userId" = 5 AND "queueId" = 7')),
    "ticket.close": (OPEN, ticket("status = 'closed'")),
    "ticket.move": (OPEN, 'SELECT 1 FROM "TicketTags" WHERE "tagId" = 21'),
    "ticket.note": (OPEN, "SELECT 1 FROM \"TicketNotes\" WHERE note LIKE 'Ligar amanhã%'"),
    "ticket.open": (NO_TICKET, ticket('"userId" = 5 AND "queueId" = 7')),
    "ticket.queue": ("", ticket('"queueId" = 7')),
    "ticket.rate": (RATING, 'SELECT 1 FROM "UserRatings" WHERE rate = 9'),
    "ticket.return": (OPEN, ticket("status = 'pending'")),
    "ticket.tag": ("", 'SELECT 1 FROM "TicketTags" WHERE "tagId" = 1'),
    "ticket.transfer": (OPEN, ticket('"userId" = 6 AND "queueId" = 8')),
    "ticket.untag": (TAGGED, 'SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM "TicketTags")'),
    "ticket.view": (OPEN, ticket('"unreadMessages" = 0')),
}
CONTRACTS = [(topic, event) for topic, events in load_contracts().items() for event in events]


class ForeignClient:
    """A producer of confluent-kafka, which knows only what the documents say."""

    def __init__(self, started: Deployment) -> None:
        self._started = started
        servers = started.settings.kafka.bootstrap_servers
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})

    async def publish_sample(self, topic: str, contract: type[Event]) -> None:
        sample = chatia("events", "sample", contract.type, environment={})
        assert sample.code == 0, sample.complaint
        key = contract.model_validate(json.loads(sample.answer)["data"]).key
        self._producer.produce(self._started.topic(topic), sample.answer.encode(), key)
        assert await asyncio.to_thread(self._producer.flush, 30) == 0


@pytest_asyncio.fixture
async def started(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url) as running:
        yield running


async def restore(started: Deployment, *changes: str) -> None:
    """Put the world back in the state before a sample, when the last one has no effects left."""
    await started.settled()
    async with started.engine.begin() as conn:
        await conn.execute(text(EMPTY))
        for statement in ";".join((WORLD, *changes)).split(";"):
            if statement.strip():
                await conn.execute(text(statement))


@pytest.mark.timeout(600)
async def test_each_sample_takes_effect(started: Deployment) -> None:
    client = ForeignClient(started)
    without: list[tuple[str, object]] = []
    for topic, contract in CONTRACTS:
        changes, found = ROWS.get(contract.type, ("", None))
        if found is None or (contract.type.startswith("record.") and topic != "tickets.requests"):
            continue
        await restore(started, changes)
        await client.publish_sample(topic, contract)
        try:
            await started.until_any(found)
        except TimeoutError:
            letters = await started.sql('SELECT reason, detail FROM "DeadLetters"')
            without.append((contract.type, letters))
    assert [name for name, _ in without] == [], without


async def test_samples_of_facts_become_no_dead_letter(started: Deployment) -> None:
    client = ForeignClient(started)
    await restore(started)
    for topic, contract in CONTRACTS:
        if contract.type not in ROWS:
            await client.publish_sample(topic, contract)
    await started.settled()
    assert await started.sql('SELECT topic, reason, detail FROM "DeadLetters"') == []


def test_every_event_that_is_written_outside_has_its_rows() -> None:
    outside = {event.type for _, event in CONTRACTS if OUTSIDE.intersection(event.writers)}
    assert outside - set(ROWS) == set()
