import json
from collections import Counter
from dataclasses import replace
from random import Random

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import PLACEHOLDERS
from shared.contracts.message_request import MessageDelete, MessageEdit
from shared.dev.demo.invalid_records import NOWHERE
from shared.gateways.evolution import events as evolution
from shared.gateways.normalize.line import Line
from tests.faults import gateway
from tests.faults.changes import compute_ack
from tests.faults.traffic import RoundSetting, Traffic, build_traffic
from tests.support.demo_rows import COMPANIES, NOW, TOPICS, build_demo_rows
from tests.unit.faults.samples import FIXTURES

LINE = Line(1, 10, NOW)


def build(seed: int = 1, events: int = 400) -> Traffic:
    return build_traffic(
        RoundSetting("test", build_demo_rows(), COMPANIES, TOPICS, NOW, FIXTURES),
        Random(seed),
        events,
    )


def test_the_same_seed_writes_the_same_traffic_and_another_seed_another() -> None:
    assert build(5) == build(5)
    assert build(5) != build(6)


def test_without_ticket_fixtures_there_are_no_requests() -> None:
    traffic = build_traffic(
        RoundSetting("test", build_demo_rows(), COMPANIES, TOPICS, NOW), Random(1), 400
    )
    topics = {record.topic for record in traffic.records}
    assert not any(topic.endswith(".requests") for topic in topics)


def test_each_raw_change_is_translated_to_the_event_that_it_stands_for() -> None:
    traffic = build()
    translated_types: Counter[str] = Counter()
    for number, raw in enumerate(traffic.records):
        if raw.topic.startswith("evolution.") and raw.value in traffic.changes.event_types:
            record = EvolutionRecord.model_validate_json(raw.value or b"")
            translated = [event.type for event in evolution.translate(record, LINE).events]
            assert translated == [traffic.find_event_type(number)], raw
            translated_types.update(translated)
    assert translated_types.keys() == {
        "message.acked", "message.edited", "message.deleted", "message.reacted", "message.read",
    }  # fmt: skip


def test_changes_come_before_and_after_their_messages() -> None:
    own = [
        (raw.topic, json.loads(raw.value)["wid"])
        for raw in build().records
        if raw.topic in {"chatia.message.received", "chatia.message.changed"}
        and raw.value
        and raw.dead_reason is None
    ]
    translated_types: dict[str, dict[str, int]] = {topic: {} for topic, _ in own}
    for number, (topic, wid) in enumerate(own):
        translated_types[topic].setdefault(wid, number)
    messages, changes = (
        translated_types["chatia.message.received"],
        translated_types["chatia.message.changed"],
    )
    earlier = {changes[wid] < messages[wid] for wid in changes.keys() & messages.keys()}
    assert earlier == {True, False}


def test_placeholders_come_before_and_after_their_contents() -> None:
    order: dict[str, dict[bool, int]] = {}
    for number, raw in enumerate(build().records):
        if not raw.topic.endswith((".message.received", ".messages.upsert")) or raw.dead_reason:
            continue
        body = json.loads(raw.value or b"{}")
        key = body.get("data", {}) if "data" in body else body
        if isinstance(key, dict) and (wid := key.get("wid") or key.get("key", {}).get("id")):
            is_hidden = body.get("mediaType") in PLACEHOLDERS
            order.setdefault(wid, {}).setdefault(is_hidden, number)
    pairs = [found for found in order.values() if True in found]
    assert len(pairs) > 20
    assert all(False in found for found in pairs)
    assert {found[True] < found[False] for found in pairs} == {True, False}


def test_some_requests_are_repeated_and_some_name_a_ticket_that_does_not_exist() -> None:
    asked = [
        json.loads(raw.value or b"")
        for raw in build().records
        if raw.topic.endswith(".requests") and raw.dead_reason is None
    ]
    assert max(Counter(ask["requestId"] for ask in asked).values()) > 1
    assert any(ask.get("ticketId") == NOWHERE for ask in asked)


def test_a_failed_ack_stays_unless_the_message_is_known_to_be_delivered() -> None:
    assert compute_ack([1, -1], before=1) == -1
    assert compute_ack([-1, 2], before=1) == 2
    assert compute_ack([3, 2], before=1) == 3


def test_a_gateway_answers_acknowledges_and_echoes_a_send_by_its_wid() -> None:
    replies = build().requests.replies
    body, reply = next((b, r) for b, r in replies.items() if r.has_echo and r.acks and r.wid)
    reply = replace(reply, change=None)
    send = {
        "companyId": 1, "whatsappId": 10, "chat": FIXTURES.tickets[0].person.chat,
        "sendId": "3EB0AA", "body": body, "expiresAt": NOW.isoformat(),
    }  # fmt: skip
    records = gateway.build_replies(send, reply, FIXTURES.tickets[0], TOPICS)
    assert len(records) == len(reply.answers) + len(reply.acks) + 1
    unnamed = [raw for raw in records if str(reply.wid) not in (raw.value or b"").decode()]
    assert len(unnamed) == sum(answer != "sent" for answer in reply.answers)


def test_a_gateway_asks_for_the_change_of_a_message_that_it_has_sent() -> None:
    replies = build().requests.replies
    body, reply = next((b, r) for b, r in replies.items() if r.change)
    send = {
        "companyId": 1, "whatsappId": 10, "chat": FIXTURES.tickets[0].person.chat,
        "sendId": "3EB0AA", "body": body, "expiresAt": NOW.isoformat(),
    }  # fmt: skip
    request = gateway.build_replies(send, reply, FIXTURES.tickets[0], TOPICS)[-1]
    assert request.topic.endswith(".messages.requests")
    assert reply.change
    assert reply.change.send_id in replies
    assert dict(request.headers)["ce_type"].decode() == reply.change.request.ce_type()


def test_some_messages_are_templates_some_are_edited_and_some_deleted() -> None:
    replies = build().requests.replies
    assert any(text.startswith("Modelo: ") for text in replies)
    kinds = {type(reply.change.request) for reply in replies.values() if reply.change}
    assert kinds == {MessageEdit, MessageDelete}
