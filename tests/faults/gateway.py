"""A simulated gateway that reads `message.send` and publishes the planned send results.

It finds the plan of a send by the body alone, as `message.send` is all that a gateway reads; that
of a change by the send id. After the answer to a message it may ask for a change of it.
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

from shared.contracts.message_change import MessageAcked
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult
from shared.dev.demo.conversations import Kind, SampleMessage
from shared.dev.demo.evolution_payloads import build_upsert
from shared.dev.demo.records import SampleRecord, Topics, build_evolution_record, build_own_record
from shared.settings import KafkaSettings
from tests.faults import traffic
from tests.faults.evolution_changes import build_raw_change
from tests.faults.reading import Ends, open_reader
from tests.faults.requests import FAILED, SENT, UNKNOWN, Reply, Requests
from tests.faults.ticket_fixtures import TicketFixture, TicketFixtures

Members = Mapping[str, Any]
POLL_S = 0.4
GONE_WITHIN = timedelta(hours=1, seconds=-2)  # before it expires: two seconds after it was asked
OWN_SHARE = 0.4  # of acks, published as our own event, with the send id


@dataclass(slots=True)
class Gateway:
    """Answers each send to a ticket fixture once, during all faults."""

    topics: Topics
    fixtures: TicketFixtures
    requests: Requests
    starts: Ends
    answered: set[str] = field(default_factory=set)

    async def serve(self, settings: KafkaSettings, partitions: int) -> None:
        """Answer sends until each planned one is answered."""
        while self.requests.replies.keys() > self.answered:
            with suppress(KafkaError, OSError):
                async with open_reader(settings.bootstrap_servers, partitions) as reading:
                    records = await reading.read_since(self.starts)
                new = [json.loads(record.value or b"{}") for record in records]
                named = {_get_name(send): send for send in new}
                sends = {name: named[name] for name in named.keys() & self._missing_names}
                replies = [raw for send in sends.values() for raw in self._build_records(send)]
                await traffic.publish(settings, replies, 0)
                self.answered |= sends.keys()
                self.starts |= {
                    TopicPartition(record.topic, record.partition): record.offset + 1
                    for record in records
                }
            await asyncio.sleep(POLL_S)

    @property
    def _missing_names(self) -> set[str]:
        return self.requests.replies.keys() - self.answered

    def _build_records(self, send: Members) -> list[SampleRecord]:
        fixture = {fixture.place.whatsapp_id: fixture for fixture in self.fixtures.tickets}[
            send["whatsappId"]
        ]
        return build_replies(send, self.requests.replies[_get_name(send)], fixture, self.topics)


def build_replies(
    send: Members, reply: Reply, fixture: TicketFixture, topics: Topics
) -> list[SampleRecord]:
    """Build send results, acks and the echo of a send, in an order drawn from the reply's seed."""
    random = Random(reply.seed)
    at = datetime.fromisoformat(send["expiresAt"]) - GONE_WITHIN
    about = {
        "company_id": send["companyId"],
        "whatsapp_id": send["whatsappId"],
        "chat": send["chat"],
        "timestamp": at,
    }
    wid = reply.wid or send["sendId"]
    echo = SampleMessage(fixture.line, fixture.person, None, wid, at, Kind.TEXT, send["body"])
    records = []
    for number, answer in enumerate(reply.answers):
        event = _build_send_result(answer, {**about, "send_id": send["sendId"], "wid": reply.wid})
        records.append(build_own_record(topics, event, f"{send['sendId']}/{number}", at))
    for ack in reply.acks:
        acked = MessageAcked(**about, wid=wid, ack=ack)
        if random.random() < OWN_SHARE:
            named = acked.model_copy(update={"send_id": send["sendId"]})
            records.append(build_own_record(topics, named, f"{wid}/{ack}", at))
        else:
            records.append(build_raw_change(random, acked, echo, topics))
    if reply.has_echo:
        event_name = random.choice(("messages.upsert", "send.message"))
        records.append(build_evolution_record(topics, build_upsert(echo, event=event_name)))
    random.shuffle(records)
    if reply.change:
        request = reply.change.request
        records.append(build_own_record(topics, request, request.request_id, at))
    return records


def _get_name(send: Members) -> str:
    name: str = send["sendId"] if "change" in send else send["body"]
    return name


def _build_send_result(answer: str, about: Members) -> SendResult:
    if answer == SENT:
        return MessageSent(**about)
    error_class = "final_recipient" if answer == FAILED else UNKNOWN
    return MessageFailed(**{**about, "wid": None}, error_class=error_class)
