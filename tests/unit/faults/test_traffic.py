import json
from collections import Counter
from random import Random

from shared.contracts.gateway import EvolutionRecord
from shared.demo.rubbish import NOWHERE
from shared.gateways import evolution
from shared.gateways.line import Line
from tests.faults import gateway
from tests.faults.changes import ack_after
from tests.faults.traffic import Setting, Traffic, compose
from tests.support.demo_stage import CAST, NOW, TOPICS, stage
from tests.unit.faults.samples import DESK

LINE = Line(1, 10, NOW)


def written(seed: int = 1, events: int = 400) -> Traffic:
    return compose(Setting("test", stage(), CAST, TOPICS, NOW, DESK), Random(seed), events)


def test_the_same_seed_writes_the_same_traffic_and_another_seed_another() -> None:
    assert written(5) == written(5)
    assert written(5) != written(6)


def test_without_a_desk_nobody_asks_for_anything() -> None:
    traffic = compose(Setting("test", stage(), CAST, TOPICS, NOW), Random(1), 400)
    topics = {record.topic for record in traffic.records}
    assert not any(topic.endswith(".requests") for topic in topics)


def test_each_raw_change_is_translated_to_the_event_that_it_stands_for() -> None:
    traffic = written()
    told: Counter[str] = Counter()
    for number, raw in enumerate(traffic.records):
        if raw.topic.startswith("evolution.") and raw.value in traffic.changes.told_as:
            record = EvolutionRecord.model_validate_json(raw.value or b"")
            translated = [event.type for event in evolution.translate(record, LINE).events]
            assert translated == [traffic.event_of(number)], raw
            told.update(translated)
    assert told.keys() == {
        "message.acked", "message.edited", "message.deleted", "message.reacted", "message.read",
    }  # fmt: skip


def test_changes_come_before_and_after_their_messages() -> None:
    own = [
        (raw.topic, json.loads(raw.value)["wid"])
        for raw in written().records
        if raw.topic in {"chatia.message.received", "chatia.message.changed"}
        and raw.value
        and raw.dead is None
    ]
    told: dict[str, dict[str, int]] = {topic: {} for topic, _ in own}
    for number, (topic, wid) in enumerate(own):
        told[topic].setdefault(wid, number)
    messages, changes = told["chatia.message.received"], told["chatia.message.changed"]
    earlier = {changes[wid] < messages[wid] for wid in changes.keys() & messages.keys()}
    assert earlier == {True, False}


def test_some_requests_are_repeated_and_some_name_what_is_not_there() -> None:
    asked = [
        json.loads(raw.value or b"")
        for raw in written().records
        if raw.topic.endswith(".requests") and raw.dead is None
    ]
    assert max(Counter(ask["requestId"] for ask in asked).values()) > 1
    assert any(ask.get("ticketId") == NOWHERE for ask in asked)


def test_a_failed_ack_stays_unless_the_message_is_known_to_be_there() -> None:
    assert ack_after([1, -1], before=1) == -1
    assert ack_after([-1, 2], before=1) == 2
    assert ack_after([3, 2], before=1) == 3


def test_a_gateway_answers_acknowledges_and_echoes_a_send_by_the_name_that_it_gave() -> None:
    replies = written().requests.replies
    body, reply = next((b, r) for b, r in replies.items() if r.has_echo and r.acks and r.wid)
    send = {
        "companyId": 1, "whatsappId": 10, "chat": DESK.tickets[0].person.chat,
        "sendId": "3EB0AA", "body": body, "expiresAt": NOW.isoformat(),
    }  # fmt: skip
    records = gateway.told_of(send, reply, DESK.tickets[0], TOPICS)
    assert len(records) == len(reply.answers) + len(reply.acks) + 1
    unnamed = [raw for raw in records if str(reply.wid) not in (raw.value or b"").decode()]
    assert len(unnamed) == sum(answer != "sent" for answer in reply.answers)
