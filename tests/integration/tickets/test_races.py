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

from services.tickets.requests.handler import apply_requests
from services.tickets.routing.handler import route_messages
from shared.contracts.outcome import Emit
from shared.contracts.ticket import TicketAccepted, TicketChanged
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketQueue,
    TicketRequest,
    TicketReturn,
    TicketTransfer,
)
from shared.db.errors import read_sqlstate
from shared.delivery.batch.isolation import run_handler
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


def build_request(random: Random, ids: Sequence[int], name: str) -> TicketRequest:
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


async def run_until_committed(
    engine: AsyncEngine, handler: Handler, batch: Sequence[BaseModel]
) -> list[Emit]:
    """Run a handler in a transaction of its own; a deadlock is tried again, as by a worker."""
    while True:
        try:
            async with engine.begin() as conn:
                outcome, impossible = await run_handler(conn, handler, batch)
        except DBAPIError as error:
            if read_sqlstate(error) != "40P01":
                raise
            continue
        assert not impossible
        return [item for item in outcome if isinstance(item, Emit)]


async def test_workers_that_meet_break_no_rule(engine: AsyncEngine) -> None:
    emitted: list[Emit] = []

    async def work(worker: int) -> None:
        random = Random(worker)
        for number in range(BATCHES):
            name = f"{worker}.{number}"
            if random.random() < 0.4:
                contact = 100 + 2 * random.randrange(PEOPLE)
                message = identified(f"W{name}", contact_id=contact, sender_id=contact)
                emitted.extend(await run_until_committed(engine, route_messages, [message]))
            else:
                ids = await list_tickets(engine)
                batch = [
                    build_request(random, ids, f"{name}.{n}") for n in range(random.randint(1, 4))
                ]
                emitted.extend(await run_until_committed(engine, apply_requests, batch))

    await asyncio.gather(*map(work, range(WORKERS)))
    async with engine.connect() as conn:
        assert (await conn.execute(text(BROKEN))).all() == []
        assert (await conn.execute(text(CROWDED))).all() == []
    facts = [item.fact for item in emitted if isinstance(item.fact, TicketChanged)]
    assert_nobody_lost_an_accepted_ticket(facts)


def assert_nobody_lost_an_accepted_ticket(facts: Sequence[TicketChanged]) -> None:
    """Each state follows from the one of the next lower version."""
    before: dict[int, TicketChanged] = {}
    for fact in sorted(facts, key=lambda fact: fact.version):
        last = before.get(fact.ticket_id)
        if isinstance(fact, TicketAccepted) and last and last.status == "open":
            assert last.user_id in {None, fact.user_id}
        before[fact.ticket_id] = fact


async def list_tickets(engine: AsyncEngine) -> list[int]:
    query = (
        'SELECT id FROM "Tickets" WHERE "contactId" IN (100, 102, 104) ORDER BY id DESC LIMIT :most'
    )
    async with engine.connect() as conn:
        return [row[0] for row in await conn.execute(text(query), {"most": TICKETS})]
