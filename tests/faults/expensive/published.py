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

from shared import kafka
from shared.cli import cluster
from shared.contracts import catalogue
from shared.contracts.base import Event
from shared.contracts.gateway import GatewayReceived
from shared.contracts.message import MessageReceived
from shared.contracts.record_request import SAVES
from shared.settings import Settings
from shared.topics import TOPICS, evolution_topics
from tests.faults.expensive.measuring import topic_of
from tests.faults.expensive.payloads import Payload, Recipe, payload
from tests.faults.expensive.watching import Spot, Watch
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
PASSED = """
SELECT service FROM "Checkpoints"
WHERE topic = :topic AND partition = :partition AND "nextOffset" > :offset
  AND service NOT LIKE '%.bulk'
"""
LETTERS = """
SELECT DISTINCT reason FROM "DeadLetters"
WHERE topic = :topic AND partition = :partition AND "offset" = :offset
"""
STORED = 'SELECT 1 FROM "Messages" WHERE "companyId" = :company AND wid = :wid'

SOURCE = re.compile(
    r".*/(?P<topic>[^/]+)/(?P<partition>[0-9]+)/[0-9]+ (?P<offset>[0-9]{20})\.[0-9]{6}"
)
NOWHERE: Spot = ("", 0, 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a published payload."""

    recipe: Recipe
    end: str
    tries: int
    held_s: float | None  # until its worker was past the record behind it; None where it was not
    neighbour_s: float | None  # until what that record tells was stored


@dataclass(slots=True)
class _Sent:
    recipe: Recipe
    spot: Spot
    letters: list[str]
    ignored: list[str]
    tries: int
    held_s: float | None
    neighbour_s: float | None


class Stand:
    """A deployment to which payloads are published."""

    def __init__(
        self,
        deployment: Deployment,
        producer: AIOKafkaProducer,
        seen: Watch,
        tell: Callable[[str], None],
    ) -> None:
        self._deployment = deployment
        self._tell = tell
        self._producer = producer
        self._seen = seen
        self._count = 0
        settings = deployment.settings
        self._readers: dict[str, set[str]] = defaultdict(set)
        for name, service in CONSUMERS.items():
            for subscription in service(settings).subscriptions:
                for topic in subscription.topics(settings.namespace):
                    self._readers[topic].add(name)

    def hears(self, recipe: Recipe) -> bool:
        """Tell whether any worker reads the topic of a recipe."""
        return self._topic(payload(recipe)) in self._readers

    async def publish(self, recipes: Sequence[Recipe]) -> list[Outcome]:
        """Publish payloads one after another, and tell what became of each."""
        await self._warm_up(recipes)
        sent = []
        for recipe in recipes:
            if self.hears(recipe):
                sent.append(await self._publish(recipe))
                self._tell(f"{recipe}: neighbour after {sent[-1].neighbour_s} s")
        facts = await self._facts()
        return [Outcome(s.recipe, _end(s, facts), s.tries, s.held_s, s.neighbour_s) for s in sent]

    async def _warm_up(self, recipes: Sequence[Recipe]) -> None:
        """Let a good record pass on each topic, so that no partition is still to be taken over."""
        made = {self._topic(p): p for p in map(payload, recipes)}
        for topic, one in made.items():
            if topic in self._readers:
                self._count += 1
                wid = f"N{self._count}"
                offset = await self._send(topic, _neighbour(one, self._count, wid))
                await self._stored(topic, offset, "", time.monotonic())
        await self._deployment.settled()

    def _topic(self, made: Payload) -> str:
        settings = self._deployment.settings
        return topic_of(made, settings.namespace, settings.evolution_prefix)

    async def _publish(self, recipe: Recipe) -> _Sent:
        made = payload(recipe)
        topic = self._topic(made)
        self._count += 1
        wid = f"N{self._count}"
        neighbour = _neighbour(made, self._count, wid)
        self._seen.ignored()
        offset = await self._send(topic, made.record)
        began = time.monotonic()
        behind = await send(self._producer, topic, PARTITION, [neighbour])
        held_s = await self._stored(topic, behind, "", began)
        stored_s = held_s
        if _is_message(made) and held_s is not None:
            stored_s = await self._stored(topic, behind, wid, began)
        if stored_s is not None:
            await self._deployment.settled()
        spot = (topic, PARTITION, offset)
        letters = await self._letters(spot)
        assert await self._letters((topic, PARTITION, behind)) == []
        return _Sent(
            recipe, spot, letters, self._seen.ignored(), self._seen.tries(spot), held_s, stored_s
        )

    async def _send(self, topic: str, record: AnyRecord) -> int:
        """Publish a record; a broker learns a moment after it is told how much a topic takes."""
        async with asyncio.timeout(STORED_WITHIN_S):
            while True:
                try:
                    return await send(self._producer, topic, PARTITION, [record])
                except MessageSizeTooLargeError:
                    await asyncio.sleep(POLL_S)

    async def _stored(self, topic: str, offset: int, wid: str, began: float) -> float | None:
        """Wait until all readers of a topic are past a record, and a message of it is a row."""
        wanted = self._readers[topic]
        while (took := time.monotonic() - began) < STORED_WITHIN_S:
            place = {"topic": topic, "partition": PARTITION, "offset": offset}
            rows = await self._deployment.sql(PASSED, **place)
            is_past = wanted <= {row["service"] for row in rows}
            if is_past and (not wid or await self._deployment.sql(STORED, company=2, wid=wid)):
                return took
            await asyncio.sleep(POLL_S)
        return None

    async def _letters(self, spot: Spot) -> list[str]:
        place = dict(zip(("topic", "partition", "offset"), spot, strict=True))
        return [row["reason"] for row in await self._deployment.sql(LETTERS, **place)]

    async def _facts(self) -> Counter[Spot]:
        """Read all facts, and count those that each record caused."""
        found: Counter[Spot] = Counter()
        settings = self._deployment.settings
        told = {fact.topic for make in CONSUMERS.values() for fact in make(settings).tells}
        for source, sequence in await self._deployment.origins(sorted(told)):
            found[_cause(source, sequence)] += 1
        return found


def _cause(source: str, sequence: str) -> Spot:
    """Read from what a fact carries which record caused it; a made-up source names none."""
    found = SOURCE.fullmatch(f"{source} {sequence}")
    return (found["topic"], int(found["partition"]), int(found["offset"])) if found else NOWHERE


def _end(sent: _Sent, facts: Counter[Spot]) -> str:
    """Name the end of a payload: letters, facts, reasons why it is ignored, or rows alone."""
    ends = [f"letter: {reason}" for reason in sent.letters]
    if count := facts[sent.spot]:
        ends.append(f"{count} facts" if count > 1 else "1 fact")
    ends += [f"ignored: {reason}" for reason in sent.ignored[:2]]
    return ", ".join(ends) or ("rows" if sent.neighbour_s is not None else "none")


def _is_message(made: Payload) -> bool:
    topics = (GatewayReceived.topic, MessageReceived.topic)
    return made.is_evolutions or made.topic in topics


def _neighbour(made: Payload, number: int, wid: str) -> AnyRecord:
    """Make a good record of another company for the same topic."""
    upsert = (
        f'{{"event":"messages.upsert","instance":"{THEIR_INSTANCE}","server_url":"","data":'
        f'{{"key":{{"remoteJid":"5511988880000@s.whatsapp.net","fromMe":false,"id":"{wid}"}},'
        '"message":{"conversation":"Oi"},"messageTimestamp":1787228103}}'
    )
    if made.is_evolutions:
        return AnyRecord(THEIR_INSTANCE.encode(), upsert.encode())
    event = _event(made.topic, number, wid, upsert)
    value = event.model_dump_json(by_alias=True).encode()
    return AnyRecord(event.key.encode(), value, ((b"ce_type", event.ce_type().encode()),))


def _event(topic: str, number: int, wid: str, upsert: str) -> Event:
    if topic == GatewayReceived.topic:
        return GatewayReceived(
            company_id=NEIGHBOUR, whatsapp_id=THEIR_LINE, gateway="evolution", received_at=at(0),
            body=upsert,
        )  # fmt: skip
    own = {f"{owner}.requests": contract for owner, contract in SAVES.items()}
    contract = own.get(topic) or next(c for c in catalogue.contracts()[topic] if c in SAMPLES)
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
async def stand(
    deployment: Deployment, seen: Watch, tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Stand]:
    """Fill a deployment with two companies, and have it take large records."""
    await _fill(deployment)
    await _take_large_records(deployment.settings)
    producer = AIOKafkaProducer(
        **kafka.connection(deployment.settings.kafka), acks="all",
        max_request_size=LARGEST_RECORD, max_batch_size=LARGEST_RECORD,
    )  # fmt: skip
    await producer.start()
    try:
        yield Stand(deployment, producer, seen, tell)
    finally:
        await producer.stop()


async def _fill(deployment: Deployment) -> None:
    async with deployment.engine.begin() as conn:
        for statement in f"{WORLD}{THEIRS}".split(";\n"):
            if statement.strip():
                await conn.exec_driver_sql(statement)


async def _take_large_records(settings: Settings) -> None:
    names = [f"{settings.namespace}.{t.name}" for t in TOPICS if t.max_message_bytes is None]
    names += [f"{settings.namespace}.{GatewayReceived.topic}"]
    names += [topic.name for topic in evolution_topics(settings.evolution_prefix)]
    wanted = [
        ConfigResource(
            ConfigResourceType.TOPIC, name, configs={"max.message.bytes": str(LARGEST_RECORD)}
        )
        for name in names
    ]
    async with cluster.connected(settings.kafka) as admin:
        await admin.alter_configs(wanted)
