"""Audit of a round: acknowledged records against rows, facts and dead letters.

It uses plain SQL and a plain consumer, and no code of `shared.delivery`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.dev.demo import actual as actual_rows
from shared.dev.demo.companies import DemoRows
from shared.dev.demo.comparison import ComparedSend
from shared.dev.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS
from tests.faults import audit_changes, audit_requests, audit_user_ids, laws, rows
from tests.faults.findings import DEAD_LETTERS, LOST, Finding
from tests.faults.laws import (
    HOPS,
    PUBLISHED_TOPICS,
    REQUEST_TOPICS,
    SHARED_TOPICS,
    ConsumedRecord,
    Fact,
)
from tests.faults.reading import Ends, Reader, TopicRecord, select_companies
from tests.faults.ticket_fixtures import TicketFixtures
from tests.faults.traffic import NUMBER_HEADER, RecordId, Traffic

DEAD_LETTERS_SINCE = text("""
SELECT service, topic, partition, "offset", reason, detail FROM "DeadLetters" WHERE id > :after
""")


@dataclass(frozen=True, slots=True)
class StartState:
    """The end offsets and the last dead letter when the round began."""

    ends: Ends
    last_dead_letter_id: int


@dataclass(frozen=True, slots=True)
class Case:
    """The round to audit."""

    topics: Topics
    stage: DemoRows
    fixtures: TicketFixtures
    traffic: Traffic
    acknowledged: Sequence[RecordId]
    before: StartState


def all_topics(topics: Topics) -> list[str]:
    """Return the full names of all topics that the auditor reads."""
    own = [topics.get_own(name) for name in (*PUBLISHED_TOPICS, *REQUEST_TOPICS)]
    return own + [topics.get_evolution(event) for event in EVOLUTION_EVENTS]


async def audit(conn: AsyncConnection, open_reader: Reader, case: Case) -> list[Finding]:
    """Return the findings of all checks."""
    records = await open_reader.read_since(case.before.ends)
    numbers = _map_numbers(case.traffic, records)
    of_round = laws.select_facts(select_companies(records, case.stage.company_ids))
    rows_found = await rows.load_rows(conn, case.stage.company_ids)
    of_demo = await actual_rows.load_snapshot(conn, case.stage.company_ids)
    dead_letters = await conn.execute(
        DEAD_LETTERS_SINCE, {"after": case.before.last_dead_letter_id}
    )
    waiting = await conn.execute(audit_changes.WAITING, {"company_ids": case.stage.company_ids})
    user_ids = await conn.execute(audit_user_ids.USER_IDS, {"company_ids": case.stage.company_ids})
    asked = audit_requests.AnsweredRequests(
        case.fixtures, _select_requests(case, numbers, records), laws.group_by_cause(of_round)
    )
    return [
        *_check_all_on_topics(case, numbers),
        *rows.check_against_published(case.traffic.expected, case.fixtures.without(of_demo)),
        *audit_changes.check_states(case.traffic.changes.states, rows_found.messages),
        *audit_changes.check_nothing_waits(waiting),
        *audit_user_ids.check_user_ids(
            case.traffic.records, case.topics.get_own("message.received"), user_ids
        ),
        *rows.check_tickets(rows_found),
        *rows.check_live_tickets(rows_found),
        *_check_dead_letters(
            case.traffic, numbers, _select_of_round(dead_letters, case.before.ends)
        ),
        *laws.check_repeats(of_round),
        *laws.check_order(
            [f for f in of_round if not any(_is_on_topic(f, case, name) for name in SHARED_TOPICS)]
        ),
        *laws.check_no_gaps(of_round),
        *_check_hops(case, numbers, records, of_round),
        *_check_stored_facts(case, of_round, rows_found),
        *_check_last_states(case, of_round, rows_found),
        *audit_changes.check_last_facts(
            _select_new_facts(case, of_round, "message.stored"), rows_found.messages
        ),
        *audit_requests.check_last_facts(
            _select_new_facts(case, of_round, "ticket.changed"), rows_found.tickets
        ),
        *_check_sends(case, of_round),
        *audit_requests.check_ticket_requests(asked, rows_found.tickets),
        *audit_requests.check_composed_messages(
            asked, case.traffic.requests.replies, rows_found.messages
        ),
        *audit_requests.check_requested_changes(
            case.traffic.requests.replies,
            [
                json.loads(f.record.value or b"{}")
                for f in _select_new_facts(case, of_round, "message.send")
            ],
        ),
    ]


def _map_numbers(traffic: Traffic, records: Iterable[TopicRecord]) -> dict[RecordId, int]:
    """Map the round's records, also unacknowledged copies, to their numbers in the traffic."""
    actual_rows = (
        (record.record_id, traffic.find_number(record.header(NUMBER_HEADER))) for record in records
    )
    return {place: number for place, number in actual_rows if number is not None}


def _check_all_on_topics(case: Case, numbers: dict[RecordId, int]) -> list[Finding]:
    return [
        Finding(LOST, f"Kafka acknowledged {place} and does not have it")
        for place in case.acknowledged
        if place not in numbers
    ]


def _select_of_round(dead_letters: Iterable[Any], before: Ends) -> list[Any]:
    """Drop dead letters of records of an earlier round that ended too soon."""
    return [
        dead_letter
        for dead_letter in dead_letters
        if dead_letter.offset
        >= before.get(TopicPartition(dead_letter.topic, dead_letter.partition), 0)
    ]


def _check_dead_letters(
    traffic: Traffic, numbers: dict[RecordId, int], dead_letters: Sequence[Any]
) -> list[Finding]:
    wanted = {
        (*place, dead)
        for place, number in numbers.items()
        if (dead := traffic.records[number].dead_reason)
    }
    rows_found = {(row.topic, row.partition, row.offset, row.reason): row for row in dead_letters}
    missing = [Finding(LOST, f"no dead letter of {place}") for place in wanted - rows_found.keys()]
    return missing + [
        Finding(DEAD_LETTERS, f"{tuple(rows_found[place])}") for place in rows_found.keys() - wanted
    ]


def _check_hops(
    case: Case, numbers: dict[RecordId, int], records: Sequence[TopicRecord], facts: Sequence[Fact]
) -> list[Finding]:
    count_by_cause = laws.count_by_cause(facts)
    findings = []
    for event, raw in _group_raw_by_event(case, numbers, records).items():
        findings += laws.check_passed_on("messages", raw, count_by_cause, {event})
    received = _select_received(case, numbers, records, facts)
    for name, (service, types) in HOPS.items():
        consumed = (
            received if name == "message.received" else _select_consumed_facts(case, name, facts)
        )
        findings += laws.check_passed_on(service, consumed, count_by_cause, types)
    return findings


def _group_raw_by_event(
    case: Case, numbers: dict[RecordId, int], records: Sequence[TopicRecord]
) -> dict[str, list[ConsumedRecord]]:
    """Group raw records by the type of event that each must become; "" for none."""
    consumed: dict[str, list[ConsumedRecord]] = defaultdict(list)
    for record in records:
        number = numbers.get(record.record_id)
        if number is not None and record.topic.startswith(case.topics.evolution_prefix + "."):
            event = case.traffic.find_event_type(number) or ""
            consumed[event].append(ConsumedRecord(record, bool(event), bool(event)))
    return consumed


def _select_requests(
    case: Case, numbers: dict[RecordId, int], records: Sequence[TopicRecord]
) -> list[TopicRecord]:
    """Select the valid requests, in the order of their partitions."""
    names = ("tickets.requests", "messages.requests")
    topics = {case.topics.get_own(name) for name in names}
    return [
        record
        for record in records
        if record.topic in topics
        and (number := numbers.get(record.record_id)) is not None
        and case.traffic.records[number].dead_reason is None
    ]


def _select_received(
    case: Case, numbers: dict[RecordId, int], records: Sequence[TopicRecord], facts: Sequence[Fact]
) -> list[ConsumedRecord]:
    """Select message.received; gateways publish it too, so it is not compared by sequence."""
    translated = {fact.record.record_id for fact in facts}
    consumed = []
    for record in records:
        if record.topic != case.topics.get_own("message.received"):
            continue
        number = numbers.get(record.record_id)
        if number is not None or record.record_id in translated:
            wanted = int(number is None or case.traffic.records[number].dead_reason is None)
            consumed.append(ConsumedRecord(record, wanted, wanted))
    return consumed


def _select_consumed_facts(case: Case, name: str, facts: Sequence[Fact]) -> list[ConsumedRecord]:
    """Select the facts of a topic; tickets may pass on none for a copy of a stored message."""
    of_topic = [fact for fact in facts if _is_on_topic(fact, case, name)]
    new = {fact.record.record_id for fact in laws.drop_repeated(of_topic)}
    least = 0 if name == "message.identified" else 1
    return [
        ConsumedRecord(
            f.record, least if f.record.record_id in new else 0, int(f.record.record_id in new)
        )
        for f in of_topic
    ]


def _check_stored_facts(case: Case, facts: Sequence[Fact], rows_found: rows.Rows) -> list[Finding]:
    """Check message.stored; `audit_requests` checks ticket fixtures, whose wids change."""
    of_desk = {fixture.id for fixture in case.fixtures.tickets}
    stored = [
        f
        for f in _select_new_facts(case, facts, "message.stored")
        if f.record.type == "message.stored"
    ]
    payload = [json.loads(f.record.value or b"{}") for f in stored]
    return laws.check_one_each(
        "message.stored",
        {
            (m.company_id, m.whatsapp_id, m.wid, m.id, m.ticket_id)
            for m in rows_found.messages
            if m.ticket_id not in of_desk
        },
        [
            (t["companyId"], t["whatsappId"], t["wid"], t["messageId"], t["ticketId"])
            for t in payload
            if t["ticketId"] not in of_desk
        ],
    )


def _check_last_states(case: Case, facts: Sequence[Fact], rows_found: rows.Rows) -> list[Finding]:
    """Check that the newest fact about a row has the version of the row."""
    findings = []
    for topic, id_name, present in (
        ("ticket.changed", "ticketId", {(t.id, t.version) for t in rows_found.tickets}),
        ("contact.changed", "contactId", {(c.id, c.version) for c in rows_found.contacts}),
    ):
        newest = case.fixtures.versions[topic]
        for fact in _select_new_facts(case, facts, topic):
            payload = json.loads(fact.record.value or b"{}")
            if "version" in payload:  # a refusal tells of no change
                newest[payload[id_name]] = max(payload["version"], newest.get(payload[id_name], 0))
        findings += laws.check_one_each(f"last {topic}", present, newest.items())
    return findings


def _check_sends(case: Case, facts: Sequence[Fact]) -> list[Finding]:
    payload = [
        json.loads(f.record.value or b"{}") for f in _select_new_facts(case, facts, "message.send")
    ]
    sends = [
        ComparedSend(t["companyId"], t["whatsappId"], t["campaignId"], t["chat"], t["body"])
        for t in payload
        if "campaignId" in t
    ]
    return laws.check_one_each("message.send", set(case.traffic.expected.sends), sends)


def _select_new_facts(case: Case, facts: Sequence[Fact], name: str) -> list[Fact]:
    return laws.drop_repeated(fact for fact in facts if _is_on_topic(fact, case, name))


def _is_on_topic(fact: Fact, case: Case, name: str) -> bool:
    return fact.record.topic == case.topics.get_own(name)
