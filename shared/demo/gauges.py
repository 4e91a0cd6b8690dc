"""What can be read off a running deployment: ends of topics, lag of groups, counts of rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement
from shared.demo.offsets import Ends, Offsets
from shared.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS

ROWS = statement("""
SELECT (SELECT count(*) FROM "Contacts" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "Messages" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "CampaignShipping"
        WHERE "companyId" = ANY (CAST(:company_ids AS int[]))),
       (SELECT count(*) FROM "Sends"
        WHERE "companyId" = ANY (CAST(:company_ids AS int[])) AND status = 'sent'),
       (SELECT count(*) FROM "DeadLetters" WHERE id > :after)
""")
ROWS_OF = ("contacts", "messages", "shippings", "sent", "dead letters")
TICKETS = statement("""
SELECT status, count(*) FROM "Tickets" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
GROUP BY status ORDER BY status
""")


@dataclass(frozen=True, slots=True)
class Reading:
    """All gauges at one moment: facts told and lag by service, rows by table, tickets by status."""

    told: Mapping[str, int]
    lag: Mapping[str, int]
    rows: Mapping[str, int]
    tickets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Which rows belong to the run that is watched."""

    company_ids: Sequence[int]
    letters_before: int


class Gauges:
    """Reads a deployment without taking part in it."""

    def __init__(
        self,
        offsets: Offsets,
        engine: AsyncEngine,
        topics: Topics,
        run: Run,
    ) -> None:
        self._offsets = offsets
        self._engine = engine
        self._run = run
        self._namespace = topics.namespace
        self._told = {
            "contacts": topics.own("message.identified"),
            "tickets": topics.own("message.routed"),
            "messages": topics.own("message.stored"),
            "campaigns": topics.own("message.send"),
        }
        self._heard = {
            "contacts": [topics.own("message.received")],
            "tickets": [topics.own("message.identified"), topics.own("message.stored")],
            "messages": [
                *(topics.evolution(event) for event in EVOLUTION_EVENTS),
                topics.own("message.routed"),
            ],
            "campaigns": [topics.own("campaign.send")],
        }

    async def read(self) -> Reading:
        """Read all gauges, one after another."""
        heard = {topic for topics in self._heard.values() for topic in topics}
        ends = await self._offsets.ends(heard | set(self._told.values()))
        return Reading(
            told={service: _sum(ends, topic) for service, topic in self._told.items()},
            lag={service: await self._lag(service, ends) for service in self._heard},
            rows=await self._rows(),
            tickets=await self._tickets(),
        )

    async def _lag(self, service: str, ends: Ends) -> int:
        heard = {place: end for place, end in ends.items() if place.topic in self._heard[service]}
        done: Ends = {}
        # A group that was never there has no coordinator yet: nothing of it is committed.
        with suppress(KafkaError):
            done = await self._offsets.committed(f"{self._namespace}.{service}", heard)
        return sum(max(0, end - done.get(place, 0)) for place, end in heard.items())

    async def _rows(self) -> dict[str, int]:
        of_run = {"company_ids": list(self._run.company_ids), "after": self._run.letters_before}
        async with self._engine.connect() as conn:
            row = (await conn.execute(ROWS, of_run)).one()
        return dict(zip(ROWS_OF, row, strict=True))

    async def _tickets(self) -> dict[str, int]:
        of_run = {"company_ids": list(self._run.company_ids)}
        async with self._engine.connect() as conn:
            return {row[0]: row[1] for row in await conn.execute(TICKETS, of_run)}


def _sum(ends: Ends, topic: str) -> int:
    return sum(end for place, end in ends.items() if place.topic == topic)
