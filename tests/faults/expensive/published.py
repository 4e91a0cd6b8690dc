"""Payloads published to a real deployment, each with a good record of another company behind it."""

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from shared.cli import cluster
from shared.contracts import catalogue
from shared.contracts.base import Event
from shared.contracts.gateway import GatewayReceived
from shared.contracts.message import MessageReceived
from shared.contracts.record_request import SAVES
from shared.delivery.kafka import clients
from shared.settings import Settings
from shared.topics import TOPICS, build_evolution_topics
from tests.faults.expensive.measuring import get_topic
from tests.faults.expensive.payloads import Payload, Recipe, build_payload
from tests.faults.expensive.watch import ReadObserver, RecordId
from tests.laws.samples import SAMPLES, WORLD
from tests.support.any_records import AnyRecord, send
from tests.support.build import at
from tests.support.deployment import CONSUMERS, Deployment

LARGEST_RECORD = 16 * 2**20  # bytes; what the topics of this run take
STORED_WITHIN_S = 20.0  # before a neighbour counts as stopped
POLL_S = 0.02
PARTITION = 1
NEIGHBOUR, THEIR_LINE, THEIR_INSTANCE = 2, 20, "vizinha"
THEIRS = f"""
INSERT INTO "Companies" (id, name) VALUES ({NEIGHBOUR}, 'Empresa vizinha');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES ({THEIR_LINE}, {NEIGHBOUR}, 'Linha');
INSERT INTO "GatewayConnections" (gateway, instance, "companyId", "whatsappId")
  VALUES ('evolution', '{THEIR_INSTANCE}', {NEIGHBOUR}, {THEIR_LINE});
INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name)
  VALUES (8, {NEIGHBOUR}, {THEIR_LINE}, 'Promo');
"""  # noqa: S608 - the test's own numbers
SERVICES_PAST = """
SELECT service FROM "Checkpoints"
WHERE topic = :topic AND partition = :partition AND "nextOffset" > :offset
  AND service NOT LIKE '%.bulk'
"""
SELECT_DEAD_LETTERS = """
SELECT DISTINCT reason FROM "DeadLetters"
WHERE topic = :topic AND partition = :partition AND "offset" = :offset
"""
STORED = 'SELECT 1 FROM "Messages" WHERE "companyId" = :company AND wid = :wid'

SOURCE = re.compile(
    r".*/(?P<topic>[^/]+)/(?P<partition>[0-9]+)/[0-9]+ (?P<offset>[0-9]{20})\.[0-9]{6}"
)
NOWHERE: RecordId = ("", 0, 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a published payload."""

    recipe: Recipe
    end: str
    reads: int
    held_s: float | None  # until its services were past the record behind it; None for never
    neighbour_s: float | None  # until the message of that record was stored


@dataclass(slots=True)
class _Sent:
    recipe: Recipe
    record_id: RecordId
    dead_letters: list[str]
    ignored: list[str]
    reads: int
    held_s: float | None
    neighbour_s: float | None


class PayloadPublisher:
    """Publishes payloads to a deployment and waits for their ends."""

    def __init__(
        self,
        deployment: Deployment,
        producer: AIOKafkaProducer,
        seen: ReadObserver,
        report_progress: Callable[[str], None],
    ) -> None:
        self._deployment = deployment
        self._report = report_progress
        self._producer = producer
        self._seen = seen
        self._count = 0
        settings = deployment.settings
        self._readers: dict[str, set[str]] = defaultdict(set)
        for name, service in CONSUMERS.items():
            for subscription in service(settings).subscriptions:
                for topic in subscription.list_topics(settings.namespace):
                    self._readers[topic].add(name)

    def is_consumed(self, recipe: Recipe) -> bool:
        """Return whether any worker reads the topic of a recipe."""
        return self._get_topic(build_payload(recipe)) in self._readers

    async def publish(self, recipes: Sequence[Recipe]) -> list[Outcome]:
        """Publish payloads one after another and return their ends."""
        await self._warm_up(recipes)
        sent = []
        for recipe in recipes:
            if self.is_consumed(recipe):
                sent.append(await self._publish(recipe))
                self._report(f"{recipe}: neighbour after {sent[-1].neighbour_s} s")
        facts = await self._count_facts()
        return [
            Outcome(s.recipe, _describe_end(s, facts), s.reads, s.held_s, s.neighbour_s)
            for s in sent
        ]

    async def _warm_up(self, recipes: Sequence[Recipe]) -> None:
        """Publish a good record on each topic, so that every partition is claimed."""
        made = {self._get_topic(p): p for p in map(build_payload, recipes)}
        for topic, one in made.items():
            if topic in self._readers:
                self._count += 1
                wid = f"N{self._count}"
                offset = await self._send(topic, _build_neighbour(one, self._count, wid))
                await self._wait_until_stored(topic, offset, "", time.monotonic())
        await self._deployment.settled()

    def _get_topic(self, made: Payload) -> str:
        settings = self._deployment.settings
        return get_topic(made, settings.namespace, settings.evolution_prefix)

    async def _publish(self, recipe: Recipe) -> _Sent:
        made = build_payload(recipe)
        topic = self._get_topic(made)
        self._count += 1
        wid = f"N{self._count}"
        neighbour = _build_neighbour(made, self._count, wid)
        self._seen.ignored()
        offset = await self._send(topic, made.record)
        began = time.monotonic()
        behind = await send(self._producer, topic, PARTITION, [neighbour])
        held_s = await self._wait_until_stored(topic, behind, "", began)
        stored_s = held_s
        if _is_message(made) and held_s is not None:
            stored_s = await self._wait_until_stored(topic, behind, wid, began)
        if stored_s is not None:
            await self._deployment.settled()
        record_id = (topic, PARTITION, offset)
        dead_letters = await self._load_dead_letters(record_id)
        assert await self._load_dead_letters((topic, PARTITION, behind)) == []
        return _Sent(
            recipe,
            record_id,
            dead_letters,
            self._seen.ignored(),
            self._seen.count_reads(record_id),
            held_s,
            stored_s,
        )

    async def _send(self, topic: str, record: AnyRecord) -> int:
        """Publish a record; retries until the broker has applied the topic's larger limit."""
        async with asyncio.timeout(STORED_WITHIN_S):
            while True:
                try:
                    return await send(self._producer, topic, PARTITION, [record])
                except MessageSizeTooLargeError:
                    await asyncio.sleep(POLL_S)

    async def _wait_until_stored(
        self, topic: str, offset: int, wid: str, began: float
    ) -> float | None:
        """Wait until all services are past a record, and its message, if any, is a row."""
        wanted = self._readers[topic]
        while (took := time.monotonic() - began) < STORED_WITHIN_S:
            place = {"topic": topic, "partition": PARTITION, "offset": offset}
            rows = await self._deployment.sql(SERVICES_PAST, **place)
            is_past = wanted <= {row["service"] for row in rows}
            if is_past and (not wid or await self._deployment.sql(STORED, company=2, wid=wid)):
                return took
            await asyncio.sleep(POLL_S)
        return None

    async def _load_dead_letters(self, record_id: RecordId) -> list[str]:
        place = dict(zip(("topic", "partition", "offset"), record_id, strict=True))
        return [row["reason"] for row in await self._deployment.sql(SELECT_DEAD_LETTERS, **place)]

    async def _count_facts(self) -> Counter[RecordId]:
        """Count the facts of each record."""
        found: Counter[RecordId] = Counter()
        settings = self._deployment.settings
        told = {fact.topic for make in CONSUMERS.values() for fact in make(settings).publishes}
        for source, sequence in await self._deployment.origins(sorted(told)):
            found[_parse_cause(source, sequence)] += 1
        return found


def _parse_cause(source: str, sequence: str) -> RecordId:
    """Return the record that a fact's source and sequence name; NOWHERE for an invalid source."""
    found = SOURCE.fullmatch(f"{source} {sequence}")
    return (found["topic"], int(found["partition"]), int(found["offset"])) if found else NOWHERE


def _describe_end(sent: _Sent, facts: Counter[RecordId]) -> str:
    """Return the end of a payload: dead letters, facts, reasons for ignoring it, or rows."""
    ends = [f"dead letter: {reason}" for reason in sent.dead_letters]
    if count := facts[sent.record_id]:
        ends.append(f"{count} facts" if count > 1 else "1 fact")
    ends += [f"ignored: {reason}" for reason in sent.ignored[:2]]
    return ", ".join(ends) or ("rows" if sent.neighbour_s is not None else "none")


def _is_message(made: Payload) -> bool:
    topics = (GatewayReceived.topic, MessageReceived.topic)
    return made.is_evolutions or made.topic in topics


def _build_neighbour(made: Payload, number: int, wid: str) -> AnyRecord:
    """Build a good record of another company for the same topic."""
    upsert = (
        f'{{"event":"messages.upsert","instance":"{THEIR_INSTANCE}","server_url":"","data":'
        f'{{"key":{{"remoteJid":"5511988880000@s.whatsapp.net","fromMe":false,"id":"{wid}"}},'
        '"message":{"conversation":"Oi"},"messageTimestamp":1787228103}}'
    )
    if made.is_evolutions:
        return AnyRecord(THEIR_INSTANCE.encode(), upsert.encode())
    event = _build_event(made.topic, number, wid, upsert)
    value = event.model_dump_json(by_alias=True).encode()
    return AnyRecord(event.key.encode(), value, ((b"ce_type", event.ce_type().encode()),))


def _build_event(topic: str, number: int, wid: str, upsert: str) -> Event:
    if topic == GatewayReceived.topic:
        return GatewayReceived(
            company_id=NEIGHBOUR, whatsapp_id=THEIR_LINE, gateway="evolution", received_at=at(0),
            body=upsert,
        )  # fmt: skip
    own = {f"{owner}.requests": contract for owner, contract in SAVES.items()}
    contract = own.get(topic) or next(c for c in catalogue.load_contracts()[topic] if c in SAMPLES)
    sample = SAMPLES[contract].batch(number + 1)[number]
    changes: dict[str, object] = {
        "company_id": NEIGHBOUR, "whatsapp_id": THEIR_LINE, "campaign_id": 8, "wid": wid,
        "request_id": wid,
    }  # fmt: skip
    known = {n: value for n, value in changes.items() if n in type(sample).model_fields}
    made = sample.model_copy(update=known)
    assert isinstance(made, Event)
    return made


@asynccontextmanager
async def open_publisher(
    deployment: Deployment,
    seen: ReadObserver,
    report_progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[PayloadPublisher]:
    """Insert two companies, allow large records, and yield a publisher."""
    await _insert_companies(deployment)
    await _allow_large_records(deployment.settings)
    producer = AIOKafkaProducer(
        **clients.build_client_arguments(deployment.settings.kafka), acks="all",
        max_request_size=LARGEST_RECORD, max_batch_size=LARGEST_RECORD,
    )  # fmt: skip
    await producer.start()
    try:
        yield PayloadPublisher(deployment, producer, seen, report_progress)
    finally:
        await producer.stop()


async def _insert_companies(deployment: Deployment) -> None:
    async with deployment.engine.begin() as conn:
        for statement in f"{WORLD}{THEIRS}".split(";\n"):
            if statement.strip():
                await conn.exec_driver_sql(statement)


async def _allow_large_records(settings: Settings) -> None:
    names = [f"{settings.namespace}.{t.name}" for t in TOPICS if t.max_message_bytes is None]
    names += [f"{settings.namespace}.{GatewayReceived.topic}"]
    names += [topic.name for topic in build_evolution_topics(settings.evolution_prefix)]
    wanted = [
        ConfigResource(
            ConfigResourceType.TOPIC, name, configs={"max.message.bytes": str(LARGEST_RECORD)}
        )
        for name in names
    ]
    async with cluster.connect_admin(settings.kafka) as admin:
        await admin.alter_configs(wanted)
