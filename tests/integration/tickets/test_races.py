"""Workers that meet at the same tickets leave them as if they had come one after the other."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.tickets import handlers
from shared.contracts.outcome import Told
from shared.contracts.ticket import TicketAccepted, TicketChanged
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketQueue,
    TicketRequest,
    TicketReturn,
    TicketTransfer,
)
from shared.delivery.settle import settle, sqlstate_of
from shared.delivery.subscription import Handler
from tests.support.build import identified

pytestmark = pytest.mark.integration

PEOPLE, TICKETS, BATCHES, WORKERS = 3, 12, 25, 4
BROKEN = """
SELECT t.id FROM "Tickets" t JOIN "TicketTraking" k ON k."ticketId" = t.id
WHERE t.status = 'closed' AND k."finishedAt" IS NULL
"""
CROWDED = """
SELECT "contactId" FROM "Tickets" WHERE status <> 'closed'
GROUP BY "companyId", "whatsappId", "contactId" HAVING count(*) > 1
"""


def ask(random: Random, ids: Sequence[int], name: str) -> TicketRequest:
    of: dict[str, Any] = {"company_id": 1, "ticket_id": random.choice(ids), "request_id": name}
    user, queue = random.choice([5, 6]), random.choice([7, 8])
    return random.choice(
        [
            TicketAccept(**of, user_id=user),
            TicketReturn(**of),
            TicketQueue(**of, queue_id=queue),
            TicketTransfer(**of, queue_id=queue, user_id=random.choice([None, user])),
            TicketClose(**of),
            TicketClose(**of),
        ]
    )


async def carry(engine: AsyncEngine, handler: Handler, batch: Sequence[BaseModel]) -> list[Told]:
    """Settle a batch in a transaction of its own; a deadlock is tried again, as by a worker."""
    while True:
        try:
            async with engine.begin() as conn:
                outcome, impossible = await settle(conn, handler, batch)
        except DBAPIError as error:
            if sqlstate_of(error) != "40P01":
                raise
            continue
        assert not impossible
        return [item for item in outcome if isinstance(item, Told)]


async def test_workers_that_meet_break_no_rule(engine: AsyncEngine) -> None:
    told: list[Told] = []

    async def work(worker: int) -> None:
        random = Random(worker)
        for number in range(BATCHES):
            name = f"{worker}.{number}"
            if random.random() < 0.4:
                contact = 100 + 2 * random.randrange(PEOPLE)
                message = identified(f"W{name}", contact_id=contact, sender_id=contact)
                told.extend(await carry(engine, handlers.route_messages, [message]))
            else:
                ids = await tickets_of(engine)
                batch = [ask(random, ids, f"{name}.{n}") for n in range(random.randint(1, 4))]
                told.extend(await carry(engine, handlers.grant_requests, batch))

    await asyncio.gather(*map(work, range(WORKERS)))
    async with engine.connect() as conn:
        assert (await conn.execute(text(BROKEN))).all() == []
        assert (await conn.execute(text(CROWDED))).all() == []
    facts = [item.fact for item in told if isinstance(item.fact, TicketChanged)]
    assert_nobody_lost_an_accepted_ticket(facts)


def assert_nobody_lost_an_accepted_ticket(facts: Sequence[TicketChanged]) -> None:
    """Each state follows from the one of the next lower version."""
    before: dict[int, TicketChanged] = {}
    for fact in sorted(facts, key=lambda fact: fact.version):
        last = before.get(fact.ticket_id)
        if isinstance(fact, TicketAccepted) and last and last.status == "open":
            assert last.user_id in {None, fact.user_id}
        before[fact.ticket_id] = fact


async def tickets_of(engine: AsyncEngine) -> list[int]:
    query = (
        'SELECT id FROM "Tickets" WHERE "contactId" IN (100, 102, 104) ORDER BY id DESC LIMIT :most'
    )
    async with engine.connect() as conn:
        return [row[0] for row in await conn.execute(text(query), {"most": TICKETS})]
