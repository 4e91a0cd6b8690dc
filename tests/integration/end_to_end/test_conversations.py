"""Messages through Kafka, Postgres and the four workers."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.message import MessageReceived
from shared.settings import BatchSettings
from tests.support import world
from tests.support.build import CUSTOMER, GROUP, at, in_group, job, received
from tests.support.deployment import APPS, IDLE_FETCH_MS, Deployment, Record, deployment, running

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SAMPLE = "evolution/derived_kafka_global_messages_upsert.json"
PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads"


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1, instance="loja", allowGroup=True)
    return standing


async def read_rows(flow: Deployment) -> dict[str, Any]:
    """Read contacts, tickets and messages, without ids and audit times."""
    contacts = await flow.sql(
        'SELECT number, lid, jid, "remoteJid", name, "isGroup", active FROM "Contacts" '
        "ORDER BY number, lid"
    )
    tickets = await flow.sql(
        'SELECT c.number, t.status, t."unreadMessages", t."lastMessage", t."fromMe", t."isGroup", '
        '(SELECT count(*) FROM "TicketTraking" k WHERE k."ticketId" = t.id) AS attendances, '
        '(SELECT count(*) FROM "LogTickets" l WHERE l."ticketId" = t.id) AS logged '
        'FROM "Tickets" t JOIN "Contacts" c ON c.id = t."contactId" ORDER BY c.number, t.status'
    )
    messages = await flow.sql(
        'SELECT m.wid, m.body, m."fromMe", m.read, m.ack, m."mediaType", m."createdAt", c.number, '
        'q.wid AS quoted, s.number AS sender FROM "Messages" m JOIN "Tickets" t '
        'ON t.id = m."ticketId" JOIN "Contacts" c ON c.id = t."contactId" '
        'LEFT JOIN "Contacts" s ON s.id = m."contactId" '
        'LEFT JOIN "Messages" q ON q.id = m."quotedMsgId" ORDER BY m.wid'
    )
    return {"contacts": contacts, "tickets": tickets, "messages": messages}


def build_conversation() -> list[MessageReceived]:
    """Build messages of three customers and a group: answers, quotes, two in the same second."""
    conversation: list[MessageReceived] = []
    for person in range(3):
        chat = f"551190000000{person}"
        who = {"chat": chat, "jid": f"{chat}@s.whatsapp.net", "push_name": f"Pessoa {person}"}
        conversation += [
            received(f"P{person}A", timestamp=at(1), body="Oi", **who),
            received(f"P{person}B", timestamp=at(2), body="Tem estoque?", **who),
            received(
                f"P{person}C",
                timestamp=at(3),
                body="Temos",
                from_me=True,
                quoted_wid=f"P{person}B",
                **who,
            ),
            received(f"P{person}D", timestamp=at(4), body="Quero dois", **who),
            received(f"P{person}E", timestamp=at(4), body="por favor", **who),
        ]
    conversation += [
        in_group(f"G{n}", timestamp=at(n), body=f"grupo {n}", push_name="Pessoa 1")
        for n in range(4)
    ]
    return conversation


async def test_a_conversation_becomes_contacts_tickets_and_messages(flow: Deployment) -> None:
    await flow.publish(*map(flow.record, build_conversation()))
    await flow.settled()
    state = await read_rows(flow)
    assert len(state["contacts"]) == 4
    assert [m["quoted"] for m in state["messages"] if m["wid"].endswith("C")] == [
        "P0B",
        "P1B",
        "P2B",
    ]
    assert [(t["status"], t["unreadMessages"], t["lastMessage"]) for t in state["tickets"]] == [
        ("group", 4, "grupo 3"),
        ("pending", 2, "por favor"),
        ("pending", 2, "por favor"),
        ("pending", 2, "por favor"),
    ]


async def test_order_repetition_and_batch_size_change_no_row(
    kafka_bootstrap: str, migrated_url: str, another_migrated_url: str
) -> None:
    conversation = build_conversation()
    mixed = conversation + conversation
    Random(7).shuffle(mixed)
    options: dict[str, Any] = {"batches": BatchSettings(records=1, wait_ms=IDLE_FETCH_MS)}
    states = []
    runs: list[tuple[str, list[MessageReceived], dict[str, Any]]] = [
        (migrated_url, conversation, {}),
        (another_migrated_url, mixed, options),
    ]
    for url, messages, given in runs:
        async with deployment(kafka_bootstrap, url, **given) as started:
            await world.company(started, 1)
            await world.line(started, 10, 1, allowGroup=True)
            await started.publish(*map(started.record, messages))
            await started.settled()
            states.append(await read_rows(started))
    assert states[0] == states[1]
    assert len(states[0]["messages"]) == len(conversation)


async def test_a_record_of_evolution_becomes_a_contact_a_ticket_and_a_message(
    flow: Deployment,
) -> None:
    if not (PAYLOADS / SAMPLE).exists():
        pytest.skip("the payload samples are not beside this repository")
    sample = json.loads((PAYLOADS / SAMPLE).read_text())
    await flow.sql('UPDATE "GatewayConnections" SET instance = :i', i=sample["value"]["instance"])
    topic = sample["topic"].replace("evolution.", f"{flow.settings.evolution_prefix}.", 1)
    headers = tuple((name, value.encode()) for name, value in sample["headers"].items())
    value = json.dumps(sample["value"]).encode()
    await flow.publish(Record(topic, sample["key"], value, headers))
    await flow.settled()
    state = await read_rows(flow)
    assert [(c["number"], c["name"]) for c in state["contacts"]] == [(CUSTOMER, "Maria Teste")]
    (ticket,) = state["tickets"]
    assert (ticket["status"], ticket["unreadMessages"]) == ("pending", 1)
    assert [m["body"] for m in state["messages"]] == ["Oi, meu pedido não chegou"]
    secrets = await flow.sql('SELECT "dataJson" FROM "Messages" WHERE "dataJson" LIKE \'%APIKEY%\'')
    assert secrets == []


async def test_a_stored_wid_changes_nothing_also_when_its_ticket_is_closed(
    flow: Deployment,
) -> None:
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    await flow.sql("""UPDATE "Tickets" SET status = 'closed', "unreadMessages" = 0""")
    before = await read_rows(flow)
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    assert await read_rows(flow) == before


async def test_a_message_within_the_window_reopens_the_ticket(flow: Deployment) -> None:
    await flow.sql('UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    await flow.sql("""UPDATE "Tickets" SET status = 'closed', "updatedAt" = :at""", at=at(5))
    await flow.publish(flow.record(received("A2", timestamp=at(10))))
    await flow.settled()
    (ticket,) = (await read_rows(flow))["tickets"]
    assert (ticket["status"], ticket["unreadMessages"], ticket["attendances"]) == ("pending", 2, 2)
    assert [f["type"] for f in await flow.facts("ticket.changed")].count(
        "chatia.ticket.reopened.v1"
    ) == 1


async def test_a_ticket_without_an_unread_count_is_reopened_as_well(flow: Deployment) -> None:
    await flow.sql('UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    await flow.sql(
        """UPDATE "Tickets" SET status = 'closed', "unreadMessages" = NULL, "updatedAt" = :at""",
        at=at(5),
    )
    await flow.publish(flow.record(received("A2", timestamp=at(10))))
    await flow.settled()
    (ticket,) = (await read_rows(flow))["tickets"]
    assert (ticket["status"], ticket["unreadMessages"]) == ("pending", 2)


async def test_a_copy_that_opened_a_ticket_is_refused_and_its_ticket_discarded(
    flow: Deployment,
) -> None:
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    routed = next(
        f for f in await flow.facts("message.routed") if f["type"] == "chatia.message.routed.v1"
    )
    await flow.sql("""UPDATE "Tickets" SET status = 'closed'""")
    await flow.sql(
        'INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status) '
        'SELECT 999, "companyId", "whatsappId", "contactId", \'pending\' FROM "Tickets"'
    )
    copy = {**routed, "ticketId": 999, "ticketTrakingId": None, "ticketEffect": "opened"}
    headers = (("ce_type", b"chatia.message.routed.v1"),)
    await flow.publish(
        Record(flow.topic("message.routed"), f"1:10:{CUSTOMER}", json.dumps(copy).encode(), headers)
    )
    await flow.settled()
    assert [f["wid"] for f in await flow.facts("message.stored") if "refused" in f["type"]] == [
        "A1"
    ]
    discarded = [f for f in await flow.facts("ticket.changed") if "discarded" in f["type"]]
    assert [(f["ticketId"], f["status"]) for f in discarded] == [(999, "closed")]
    assert await flow.sql("SELECT 1 FROM \"Tickets\" WHERE status <> 'closed'") == []
    assert len(await flow.sql('SELECT 1 FROM "Messages"')) == 1


async def build_routed_copy(flow: Deployment, ticket_id: int, effect: str) -> Record:
    """Build the record of a copy of A1 that was routed to another ticket."""
    facts = await flow.facts("message.routed")
    traking = await flow.sql(
        'SELECT id FROM "TicketTraking" WHERE "ticketId" = :t AND "finishedAt" IS NULL', t=ticket_id
    )
    copy = {
        **facts[0],
        "ticketId": ticket_id,
        "ticketTrakingId": traking[0]["id"],
        "ticketEffect": effect,
    }
    headers = (("ce_type", b"chatia.message.routed.v1"),)
    key = f"1:10:{CUSTOMER}"
    return Record(flow.topic("message.routed"), key, json.dumps(copy).encode(), headers)


async def insert_ticket_of_a_copy(flow: Deployment, status: str) -> None:
    """Store A1, close its ticket, and begin ticket 999 with an attendance of its own."""
    await flow.publish(flow.record(received("A1")))
    await flow.settled()
    await flow.sql("""UPDATE "Tickets" SET status = 'closed'""")
    await flow.sql("""INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
                      VALUES (5, 1, 'Ana', 'ana@example.com', '-')""")
    await flow.sql(
        'INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status, "userId") '
        'SELECT 999, 1, 10, "contactId", :status, 5 FROM "Tickets"',
        status=status,
    )
    await flow.sql('INSERT INTO "TicketTraking" ("companyId", "ticketId") VALUES (1, 999)')


@pytest.mark.parametrize("status", ["pending", "open"])
async def test_an_unaccepted_ticket_with_a_user_is_discarded_as_well(
    status: str, flow: Deployment
) -> None:
    await insert_ticket_of_a_copy(flow, status)
    await flow.publish(await build_routed_copy(flow, 999, "reopened"))
    await flow.settled()
    (ticket,) = await flow.sql('SELECT status FROM "Tickets" WHERE id = 999')
    assert ticket == {"status": "closed"}


async def test_a_message_routed_to_a_discarded_ticket_reopens_it(
    flow: Deployment,
) -> None:
    await insert_ticket_of_a_copy(flow, "pending")
    copy = await build_routed_copy(flow, 999, "opened")
    await flow.publish(copy)
    await flow.settled()
    body = json.loads(copy.value or b"") | {"wid": "N1", "ticketEffect": "none"}
    await flow.publish(Record(copy.topic, copy.key, json.dumps(body).encode(), copy.headers))
    await flow.settled()
    (ticket,) = await flow.sql('SELECT status, "unreadMessages" FROM "Tickets" WHERE id = 999')
    assert ticket == {"status": "pending", "unreadMessages": 1}


async def test_messages_of_a_merged_contact_go_to_the_canonical_contact(
    flow: Deployment,
) -> None:
    canonical = received("A2", chat="5511977770000", jid="5511977770000@s.whatsapp.net")
    await flow.publish(flow.record(received("A1")), flow.record(canonical))
    await flow.settled()
    await flow.sql(
        'UPDATE "Contacts" SET "mergedIntoContactId" = '
        "(SELECT id FROM \"Contacts\" WHERE number = '5511977770000') WHERE number = :n",
        n=CUSTOMER,
    )
    await flow.publish(flow.record(received("A3")))
    await flow.settled()
    (row,) = await flow.sql(
        'SELECT c.number FROM "Messages" m JOIN "Contacts" c ON c.id = m."contactId" '
        "WHERE m.wid = 'A3'"
    )
    assert row == {"number": "5511977770000"}
    assert await flow.sql('SELECT id FROM "DeadLetters"') == []


async def test_group_messages_of_a_line_without_groups_are_refused_with_a_reason(
    flow: Deployment,
) -> None:
    await flow.sql('UPDATE "Whatsapps" SET "allowGroup" = FALSE')
    await flow.publish(flow.record(in_group("G1")), flow.record(received("A1")))
    await flow.settled()
    refusals = [
        (f["wid"], f["reason"]) for f in await flow.facts("message.stored") if "reason" in f
    ]
    assert refusals == [("G1", "groups-not-allowed")]
    assert await flow.sql('SELECT 1 FROM "Contacts" WHERE number = :n', n=GROUP) == []


async def test_invalid_records_become_dead_letters_and_others_take_effect(flow: Deployment) -> None:
    topic = flow.topic("message.received")
    await flow.publish(
        Record(topic, "1:10:x", b"not json"),
        Record(topic, "1:10:x", None),
        Record(topic, "1:10:x", b"{}", (("ce_type", b"\xff"),)),
        Record(topic, "1:10:x", b"\x00\xff" * 50, (("anything", b"\xff\x00"),)),
        flow.record(received("A1")),
        flow.record(received("A2", whatsapp_id=99)),
        Record(f"{flow.settings.evolution_prefix}.global.call", "k", b'{"apikey":"SECRET"'),
    )
    await flow.settled()
    assert [m["wid"] for m in (await read_rows(flow))["messages"]] == ["A1"]
    dead_letters = await flow.sql('SELECT service, reason, body FROM "DeadLetters" ORDER BY id')
    assert sorted(row["reason"] for row in dead_letters) == [
        "empty-body",
        "unknown-line",
        "unreadable-body",
        "unreadable-body",
        "unreadable-body",
        "unreadable-header",
    ]
    assert all(b"SECRET" not in (row["body"] or b"") for row in dead_letters)


async def test_a_send_job_repeated_is_one_row_and_one_send(flow: Deployment) -> None:
    await flow.sql(
        'INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name, status) '
        "VALUES (7, 1, 10, 'Promo', 'EM_ANDAMENTO')"
    )
    await flow.publish(*[flow.record(job()) for _ in range(3)])
    await flow.settled()
    rows = await flow.sql('SELECT number, "jobId" FROM "CampaignShipping"')
    assert rows == [{"number": CUSTOMER, "jobId": f"campaign:7:{CUSTOMER}"}]
    (send,) = await flow.facts("message.send")
    assert (send["sendId"], send["chat"], send["body"]) == (
        f"campaign:7:{CUSTOMER}",
        CUSTOMER,
        "Promoção",
    )


async def test_two_workers_send_each_text_once_and_within_the_rate_of_the_line(
    flow: Deployment,
) -> None:
    await flow.sql(
        'INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name) VALUES (7, 1, 10, \'Promo\')'
    )
    await flow.sql(
        'INSERT INTO "LineSendRates" ("companyId", "whatsappId", "intervalMs") VALUES (1, 10, 50)'
    )
    numbers = [f"55119{n:08}" for n in range(60)]
    async with running(APPS["campaigns"](flow.settings)):
        await flow.publish(*[flow.record(job(number)) for number in numbers])
        await flow.settled()
        await flow.until_none('SELECT 1 FROM "CampaignShipping" WHERE "jobId" IS NULL')
    sends = await flow.facts("message.send")
    assert sorted(send["chat"] for send in sends) == numbers
    slots = sorted(datetime.fromisoformat(send["expiresAt"]) for send in sends)
    assert min(b - a for a, b in pairwise(slots)) >= timedelta(milliseconds=49.9)
