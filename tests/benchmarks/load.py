"""Open-loop load: records are sent at planned times, however slowly they are handled."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.base import build_conversation_key
from shared.contracts.message import MessageReceived, MessageStored
from shared.delivery.kafka.outgoing import choose_partition

TICK_S = 0.01
SENTENCE = "Bom dia! Gostaria de saber se o meu pedido já saiu para entrega, por favor. "


@dataclass(frozen=True, slots=True)
class Sender:
    """A company with one line that sends so many messages a second from so many chats."""

    company_id: int
    per_second: float
    chats: int


@dataclass(slots=True)
class Watched:
    """When each message was acknowledged by Kafka, and when message.stored was published."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)
    sent: Counter[int] = field(default_factory=Counter)
    arrived: Counter[int] = field(default_factory=Counter)

    @property
    def missing(self) -> int:
        """The number of messages sent and not stored."""
        return self.sent.total() - self.arrived.total()

    def delays_ms(self, company_ids: Iterable[int], since: float, until: float) -> list[float]:
        """Return the delays of messages of these companies, acknowledged in an interval."""
        wanted = {str(company_id) for company_id in company_ids}
        return [
            (self.stored[wid] - at) * 1000
            for wid, at in self.acknowledged.items()
            if since <= at < until and wid.split("-")[0] in wanted
        ]


class Load:
    """Publishes messages of senders and records when they are stored.

    Bodies are put together from a written-out one and go out a tick at a time, one record batch a
    partition: the machine is for the workers.
    """

    def __init__(
        self, namespace: str, producer: AIOKafkaProducer, watcher: AIOKafkaConsumer, partitions: int
    ) -> None:
        self.watched = Watched()
        self._namespace = namespace
        self._producer = producer
        self._watcher = watcher
        self._partitions = partitions
        self._numbers = count()
        self._random = Random(7)

    async def watch(self) -> None:
        """Record message.stored facts until cancelled."""
        topic = f"{self._namespace}.{MessageStored.topic}"
        self._watcher.assign([TopicPartition(topic, p) for p in range(self._partitions)])
        while True:
            batches = await self._watcher.getmany(timeout_ms=1000)
            now = time.monotonic()
            for records in batches.values():
                for record in records:
                    if record.key is None or record.value is None:
                        continue
                    self.watched.arrived[int(record.key.split(b":")[0])] += 1
                    self.watched.stored.setdefault(json.loads(record.value)["wid"], now)

    async def run(self, senders: Sequence[Sender], seconds: float) -> None:
        """Send messages for so long at random moments; late ones are sent at once."""
        began = time.monotonic()
        next_at = {sender: self._gap(sender) for sender in senders}
        while (elapsed := time.monotonic() - began) < seconds:
            due = []
            for sender in senders:
                while next_at[sender] <= elapsed:
                    due.append(sender)
                    next_at[sender] += self._gap(sender)
            await self._send(due)
            await asyncio.sleep(TICK_S)

    async def burst(self, senders: Sequence[Sender], number: int) -> None:
        """Send so many records at once, divided by the senders' rates."""
        rates = [sender.per_second for sender in senders]
        await self._send(self._random.choices(senders, rates, k=number))

    async def settled(self, within_s: float, but_for: int = 0) -> None:
        """Wait until all messages but `but_for` are stored."""
        async with asyncio.timeout(within_s):
            while self.watched.missing > but_for:  # noqa: ASYNC110 - what arrives is noted elsewhere
                await asyncio.sleep(TICK_S)

    def _gap(self, sender: Sender) -> float:
        return self._random.expovariate(sender.per_second)

    async def _send(self, senders: Iterable[Sender]) -> None:
        topic = f"{self._namespace}.{MessageReceived.topic}"
        builders: dict[int, Any] = defaultdict(self._producer.create_batch)
        wids = defaultdict(list)
        for sender in senders:
            chat = f"55{sender.company_id:05}{self._random.randrange(sender.chats):06}"
            wid = f"{sender.company_id}-{next(self._numbers)}"
            key = build_conversation_key(sender.company_id, sender.company_id, chat)
            value = BODY.format(company=sender.company_id, chat=chat, wid=wid).encode()
            partition = choose_partition(key, self._partitions)
            if not _append(builders[partition], key, value):
                await self._producer.send_batch(builders.pop(partition), topic, partition=partition)
                _append(builders[partition], key, value)
            wids[partition].append(wid)
            self.watched.sent[sender.company_id] += 1
        for partition, builder in builders.items():
            sent = await self._producer.send_batch(builder, topic, partition=partition)
            sent.add_done_callback(lambda _, sent=wids[partition]: self._acknowledge(sent))

    def _acknowledge(self, wids: Iterable[str]) -> None:
        now = time.monotonic()
        for wid in wids:
            self.watched.acknowledged[wid] = now


def _append(builder: Any, key: str, value: bytes) -> bool:
    return (
        builder.append(key=key.encode(), value=value, timestamp=int(time.time() * 1000)) is not None
    )


def _body() -> str:
    """Build the JSON of a message, with placeholders."""
    message = MessageReceived(
        company_id=1,
        whatsapp_id=1,
        chat="{chat}",
        jid="{chat}@s.whatsapp.net",
        wid="{wid}",
        timestamp=datetime.now(UTC),
        body=SENTENCE * 2,
        push_name="Cliente",
    )
    members = json.loads(message.model_dump_json(by_alias=True, exclude_none=True))
    written = json.dumps({**members, "companyId": "{company}", "whatsappId": "{company}"})
    return "{" + written.replace('"{company}"', "{company}") + "}"


BODY = _body()
