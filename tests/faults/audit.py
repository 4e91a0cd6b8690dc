"""The auditor of a round: what Kafka acknowledged against rows, facts and dead letters.

It reads with plain SQL and a plain consumer, and shares no code with the delivery that it judges.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.demo import found
from shared.demo.cast import Stage
from shared.demo.facts import SendFact
from shared.demo.records import Topics
from shared.topics import EVOLUTION_EVENTS
from tests.faults import audit_changes, audit_requests, laws, rows
from tests.faults.desk import Desk
from tests.faults.findings import LETTERS, LOST, Finding
from tests.faults.laws import GATEWAYS_TOO, OTHERS_ALONE, PASSED_ON, TOLD, Fact, Taken
from tests.faults.reading import Ends, Heard, Reader, of_companies
from tests.faults.traffic import NUMBER_HEADER, Place, Traffic

LETTERS_SINCE = text("""
SELECT service, topic, partition, "offset", reason, detail FROM "DeadLetters" WHERE id > :after
""")


@dataclass(frozen=True, slots=True)
class Before:
    """How things stood when the round began."""

    ends: Ends
    last_letter: int


@dataclass(frozen=True, slots=True)
class Case:
    """What the auditor is given."""

    topics: Topics
    stage: Stage
    desk: Desk
    traffic: Traffic
    acknowledged: Sequence[Place]
    before: Before


def all_topics(topics: Topics) -> list[str]:
    """Name every topic that is read: what is published, and what is told."""
    own = [topics.own(name) for name in (*TOLD, *OTHERS_ALONE)]
    return own + [topics.evolution(event) for event in EVOLUTION_EVENTS]


async def audit(conn: AsyncConnection, reader: Reader, case: Case) -> list[Finding]:
    """Hold everything against everything."""
    heard = await reader.since(case.before.ends)
    numbered = _numbered(case.traffic, heard)
    of_round = laws.facts_of(of_companies(heard, case.stage.company_ids))
    there = await rows.read(conn, case.stage.company_ids)
    of_demo = await found.rows(conn, case.stage.company_ids)
    letters = await conn.execute(LETTERS_SINCE, {"after": case.before.last_letter})
    waiting = await conn.execute(audit_changes.WAITING, {"company_ids": case.stage.company_ids})
    asked = audit_requests.Asked(case.desk, _asked(case, numbered, heard), laws.by_cause(of_round))
    return [
        *_all_on_topics(case, numbered),
        *rows.against_published(case.traffic.expected, case.desk.without(of_demo)),
        *audit_changes.against_told(case.traffic.changes.states, there.messages),
        *audit_changes.still_waiting(waiting),
        *rows.tickets_against_messages(there),
        *rows.one_live_ticket_each(there),
        *_letters(case.traffic, numbered, _of_round(letters, case.before.ends)),
        *laws.told_alike(of_round),
        *laws.none_overtaken(
            [f for f in of_round if not any(_is(f, case, name) for name in GATEWAYS_TOO)]
        ),
        *laws.no_holes(of_round),
        *_hops(case, numbered, heard, of_round),
        *_stored_facts(case, of_round, there),
        *_last_states(case, of_round, there),
        *audit_changes.last_told(_kept_of(case, of_round, "message.stored"), there.messages),
        *audit_requests.last_told(_kept_of(case, of_round, "ticket.changed"), there.tickets),
        *_sends(case, of_round),
        *audit_requests.steps(asked, there.tickets),
        *audit_requests.composed(asked, case.traffic.requests.replies, there.messages),
    ]


def _numbered(traffic: Traffic, heard: Iterable[Heard]) -> dict[Place, int]:
    """Find what the round published, also what was not acknowledged and told again."""
    found = ((record.place, traffic.number_of(record.header(NUMBER_HEADER))) for record in heard)
    return {place: number for place, number in found if number is not None}


def _all_on_topics(case: Case, numbered: dict[Place, int]) -> list[Finding]:
    return [
        Finding(LOST, f"Kafka acknowledged {place} and does not have it")
        for place in case.acknowledged
        if place not in numbered
    ]


def _of_round(letters: Iterable[Any], before: Ends) -> list[Any]:
    """Leave out what an earlier round left, which ended before everything was taken in."""
    return [
        letter
        for letter in letters
        if letter.offset >= before.get(TopicPartition(letter.topic, letter.partition), 0)
    ]


def _letters(traffic: Traffic, numbered: dict[Place, int], letters: Sequence[Any]) -> list[Finding]:
    wanted = {
        (*place, dead)
        for place, number in numbered.items()
        if (dead := traffic.records[number].dead)
    }
    there = {(row.topic, row.partition, row.offset, row.reason): row for row in letters}
    missing = [Finding(LOST, f"no dead letter of {place}") for place in wanted - there.keys()]
    return missing + [Finding(LETTERS, f"{tuple(there[place])}") for place in there.keys() - wanted]


def _hops(
    case: Case, numbered: dict[Place, int], heard: Sequence[Heard], facts: Sequence[Fact]
) -> list[Finding]:
    caused = laws.caused(facts)
    findings = []
    for event, raw in _raw(case, numbered, heard).items():
        findings += laws.each_passed_on("messages", raw, caused, {event})
    received = _received(case, numbered, heard, facts)
    for name, (service, types) in PASSED_ON.items():
        taken = received if name == "message.received" else _facts_taken(case, name, facts)
        findings += laws.each_passed_on(service, taken, caused, types)
    return findings


def _raw(case: Case, numbered: dict[Place, int], heard: Sequence[Heard]) -> dict[str, list[Taken]]:
    """Sort raw records by the event that each must become; by none where it must not."""
    taken: dict[str, list[Taken]] = defaultdict(list)
    for record in heard:
        number = numbered.get(record.place)
        if number is not None and record.topic.startswith(case.topics.evolution_prefix + "."):
            event = case.traffic.event_of(number) or ""
            taken[event].append(Taken(record, bool(event), bool(event)))
    return taken


def _asked(case: Case, numbered: dict[Place, int], heard: Sequence[Heard]) -> list[Heard]:
    """Pick the requests that can be understood, in the order of their partitions."""
    names = ("tickets.requests", "messages.requests")
    topics = {case.topics.own(name) for name in names}
    return [
        record
        for record in heard
        if record.topic in topics
        and (number := numbered.get(record.place)) is not None
        and case.traffic.records[number].dead is None
    ]


def _received(
    case: Case, numbered: dict[Place, int], heard: Sequence[Heard], facts: Sequence[Fact]
) -> list[Taken]:
    """Gateways write this topic too, so sequences do not count there and each record does."""
    translated = {fact.record.place for fact in facts}
    taken = []
    for record in heard:
        if record.topic != case.topics.own("message.received"):
            continue
        number = numbered.get(record.place)
        if number is not None or record.place in translated:
            wanted = int(number is None or case.traffic.records[number].dead is None)
            taken.append(Taken(record, wanted, wanted))
    return taken


def _facts_taken(case: Case, name: str, facts: Sequence[Fact]) -> list[Taken]:
    """A copy of a stored message is routed nowhere, so tickets may pass on nothing."""
    of_topic = [fact for fact in facts if _is(fact, case, name)]
    new = {fact.record.place for fact in laws.kept(of_topic)}
    least = 0 if name == "message.identified" else 1
    return [
        Taken(f.record, least if f.record.place in new else 0, int(f.record.place in new))
        for f in of_topic
    ]


def _stored_facts(case: Case, facts: Sequence[Fact], there: rows.Rows) -> list[Finding]:
    """The desk's own messages are left to audit_requests: gateways call them otherwise later."""
    of_desk = {held.id for held in case.desk.tickets}
    stored = [
        f for f in _kept_of(case, facts, "message.stored") if f.record.type == "message.stored"
    ]
    told = [json.loads(f.record.value or b"{}") for f in stored]
    return laws.one_each(
        "message.stored",
        {
            (m.company_id, m.whatsapp_id, m.wid, m.id, m.ticket_id)
            for m in there.messages
            if m.ticket_id not in of_desk
        },
        [
            (t["companyId"], t["whatsappId"], t["wid"], t["messageId"], t["ticketId"])
            for t in told
            if t["ticketId"] not in of_desk
        ],
    )


def _last_states(case: Case, facts: Sequence[Fact], there: rows.Rows) -> list[Finding]:
    """The newest fact about a row is the row as it stands: saved is told, told was saved."""
    findings = []
    for topic, id_name, present in (
        ("ticket.changed", "ticketId", {(t.id, t.version) for t in there.tickets}),
        ("contact.changed", "contactId", {(c.id, c.version) for c in there.contacts}),
    ):
        newest = case.desk.versions[topic]
        for fact in _kept_of(case, facts, topic):
            told = json.loads(fact.record.value or b"{}")
            if "version" in told:  # a refusal tells of no change
                newest[told[id_name]] = max(told["version"], newest.get(told[id_name], 0))
        findings += laws.one_each(f"last {topic}", present, newest.items())
    return findings


def _sends(case: Case, facts: Sequence[Fact]) -> list[Finding]:
    told = [json.loads(f.record.value or b"{}") for f in _kept_of(case, facts, "message.send")]
    sends = [
        SendFact(t["companyId"], t["whatsappId"], t["campaignId"], t["chat"], t["body"])
        for t in told
        if "campaignId" in t
    ]
    return laws.one_each("message.send", set(case.traffic.expected.sends), sends)


def _kept_of(case: Case, facts: Sequence[Fact], name: str) -> list[Fact]:
    return laws.kept(fact for fact in facts if _is(fact, case, name))


def _is(fact: Fact, case: Case, name: str) -> bool:
    return fact.record.topic == case.topics.own(name)
