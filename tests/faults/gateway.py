"""A gateway that reads `message.send` of a round and answers as it was told to, in its own time.

What it reads is all that it is given: the send's name, its words, its chat.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.answer import MessageAnswered, MessageFailed, MessageSent
from shared.contracts.message_change import MessageAcked
from shared.demo.crowd import Kind, Said
from shared.demo.evolution import upsert
from shared.demo.records import Raw, Topics, evolution_record, own_record
from shared.settings import KafkaSettings
from tests.faults import traffic
from tests.faults.desk import Desk, Held
from tests.faults.reading import Ends, reader
from tests.faults.requests import FAILED, SENT, UNKNOWN, Reply, Requests
from tests.faults.retelling import retold

Members = Mapping[str, Any]
POLL_S = 0.4
GONE_WITHIN = timedelta(hours=1, seconds=-2)  # before it expires: two seconds after it was asked
OWN_SHARE = 0.4  # of acks, told in our own words, with the send's name


@dataclass(slots=True)
class Gateway:
    """Answers each send of a round's desk once, whatever is broken meanwhile."""

    topics: Topics
    desk: Desk
    requests: Requests
    starts: Ends
    answered: set[str] = field(default_factory=set)

    async def serve(self, settings: KafkaSettings, partitions: int) -> None:
        """Read and answer until every send that there must be has its answer."""
        while self.requests.replies.keys() > self.answered:
            with suppress(KafkaError, OSError):
                async with reader(settings.bootstrap_servers, partitions) as reading:
                    heard = await reading.since(self.starts)
                new = [json.loads(record.value or b"{}") for record in heard]
                sends = {send["body"]: send for send in new if send["body"] in self._awaited}
                records = [raw for send in sends.values() for raw in self._records(send)]
                await traffic.publish(settings, records, 0)
                self.answered |= sends.keys()
                self.starts |= {
                    TopicPartition(record.topic, record.partition): record.offset + 1
                    for record in heard
                }
            await asyncio.sleep(POLL_S)

    @property
    def _awaited(self) -> set[str]:
        return self.requests.replies.keys() - self.answered

    def _records(self, send: Members) -> list[Raw]:
        held = {held.place.whatsapp_id: held for held in self.desk.tickets}[send["whatsappId"]]
        return told_of(send, self.requests.replies[send["body"]], held, self.topics)


def told_of(send: Members, reply: Reply, held: Held, topics: Topics) -> list[Raw]:
    """Tell answers, acks and the echo of a send, in an order drawn from the reply's seed."""
    random = Random(reply.seed)
    at = datetime.fromisoformat(send["expiresAt"]) - GONE_WITHIN
    about = {
        "company_id": send["companyId"],
        "whatsapp_id": send["whatsappId"],
        "chat": send["chat"],
        "timestamp": at,
    }
    wid = reply.wid or send["sendId"]
    echo = Said(held.line, held.person, None, wid, at, Kind.TEXT, send["body"])
    records = []
    for number, answer in enumerate(reply.answers):
        event = _answer(answer, {**about, "send_id": send["sendId"], "wid": reply.wid})
        records.append(own_record(topics, event, f"{send['sendId']}/{number}", at))
    for ack in reply.acks:
        acked = MessageAcked(**about, wid=wid, ack=ack)
        if random.random() < OWN_SHARE:
            named = acked.model_copy(update={"send_id": send["sendId"]})
            records.append(own_record(topics, named, f"{wid}/{ack}", at))
        else:
            records.append(retold(random, acked, echo, topics))
    if reply.has_echo:
        event_name = random.choice(("messages.upsert", "send.message"))
        records.append(evolution_record(topics, upsert(echo, event=event_name)))
    random.shuffle(records)
    return records


def _answer(answer: str, about: Members) -> MessageAnswered:
    if answer == SENT:
        return MessageSent(**about)
    error_class = "final_recipient" if answer == FAILED else UNKNOWN
    return MessageFailed(**{**about, "wid": None}, error_class=error_class)
