"""Reads metrics of a running deployment: published facts, consumer lag, rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement
from shared.dev.demo.offsets import OffsetReader, PartitionOffsets
from shared.dev.demo.records import Topics
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
ROW_NAMES = ("contacts", "messages", "shippings", "sent", "dead letters")
TICKETS = statement("""
SELECT status, count(*) FROM "Tickets" WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
GROUP BY status ORDER BY status
""")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics at one moment: facts and lag by service, rows by table, tickets by status."""

    published: Mapping[str, int]
    lag: Mapping[str, int]
    rows: Mapping[str, int]
    tickets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunScope:
    """Which rows belong to a run: those of its companies, and later dead letters."""

    company_ids: Sequence[int]
    last_dead_letter_id: int


class MetricsReader:
    """Reads metrics outside all consumer groups."""

    def __init__(
        self,
        offsets: OffsetReader,
        engine: AsyncEngine,
        topics: Topics,
        run: RunScope,
    ) -> None:
        self._offsets = offsets
        self._engine = engine
        self._run = run
        self._namespace = topics.namespace
        self._published_topics = {
            "contacts": topics.get_own("message.identified"),
            "tickets": topics.get_own("message.routed"),
            "messages": topics.get_own("message.stored"),
            "campaigns": topics.get_own("message.send"),
        }
        self._consumed_topics = {
            "contacts": [topics.get_own("message.received")],
            "tickets": [topics.get_own("message.identified"), topics.get_own("message.stored")],
            "messages": [
                *(topics.get_evolution(event) for event in EVOLUTION_EVENTS),
                topics.get_own("message.routed"),
            ],
            "campaigns": [topics.get_own("campaign.send")],
        }

    async def read(self) -> Metrics:
        """Read all metrics."""
        consumed = {topic for topics in self._consumed_topics.values() for topic in topics}
        ends = await self._offsets.load_end_offsets(consumed | set(self._published_topics.values()))
        return Metrics(
            published={
                service: _sum_offsets(ends, topic)
                for service, topic in self._published_topics.items()
            },
            lag={service: await self._load_lag(service, ends) for service in self._consumed_topics},
            rows=await self._load_row_counts(),
            tickets=await self._load_ticket_counts(),
        )

    async def _load_lag(self, service: str, ends: PartitionOffsets) -> int:
        consumed = {
            partition: end
            for partition, end in ends.items()
            if partition.topic in self._consumed_topics[service]
        }
        committed: PartitionOffsets = {}
        # A group that never joined has no coordinator, and has committed nothing.
        with suppress(KafkaError):
            committed = await self._offsets.load_committed_offsets(
                f"{self._namespace}.{service}", consumed
            )
        return sum(max(0, end - committed.get(partition, 0)) for partition, end in consumed.items())

    async def _load_row_counts(self) -> dict[str, int]:
        parameters = {
            "company_ids": list(self._run.company_ids),
            "after": self._run.last_dead_letter_id,
        }
        async with self._engine.connect() as conn:
            row = (await conn.execute(ROWS, parameters)).one()
        return dict(zip(ROW_NAMES, row, strict=True))

    async def _load_ticket_counts(self) -> dict[str, int]:
        parameters = {"company_ids": list(self._run.company_ids)}
        async with self._engine.connect() as conn:
            return {row[0]: row[1] for row in await conn.execute(TICKETS, parameters)}


def _sum_offsets(ends: PartitionOffsets, topic: str) -> int:
    return sum(end for partition, end in ends.items() if partition.topic == topic)
