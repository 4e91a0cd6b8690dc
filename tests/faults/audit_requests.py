"""The auditor's eye on requests: each answered as the house's rules say, and once.

It goes through the requests in the order of their partitions and decides each one again, by a
table of its own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.demo.rubbish import NOWHERE
from tests.faults.desk import Desk
from tests.faults.findings import LOST, TWICE, UNTRUE, Finding
from tests.faults.laws import Cause, Fact
from tests.faults.reading import Heard
from tests.faults.requests import Reply
from tests.faults.rows import Message

DELIVERED = 2  # a private note is as soon as it is a row

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of a round as they stand on their topics, and the facts by their causes."""

    desk: Desk
    records: Sequence[Heard]
    told: Mapping[Cause, Sequence[Fact]]

    def of(self, service: str) -> list[tuple[Heard, Body, Sequence[Fact]]]:
        """Give each request to a service with its body and the facts that it caused."""
        ending = f".{service}.requests"
        return [
            (record, json.loads(record.value or b"{}"), self.told.get((service, *record.place), ()))
            for record in self.records
            if record.topic.endswith(ending)
        ]


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket, as far as requests change it."""

    status: str = "pending"
    user_id: int | None = None
    queue_id: int | None = None


def steps(asked: Asked, tickets: Iterable[Any]) -> list[Finding]:
    """Each request about a ticket has its one answer, and the ticket is as the last one left it."""
    stands = {held.id: Standing() for held in asked.desk.tickets}
    answers: dict[str, list[bytes | None]] = {}
    findings: list[Finding] = []
    for record, ask, facts in asked.of("tickets"):
        name = ask["requestId"]
        words = [fact.record.value for fact in facts]
        if name in answers:
            findings += _again(name, answers[name], words)
            continue
        answers[name] = words
        stood = stands.get(ask["ticketId"])
        answer, after = decided(stood, record.type, ask) if stood else ("ticket.refused", None)
        if after:
            stands[ask["ticketId"]] = after
        findings += _one_answer(name, answer, after, facts)
    for ticket in tickets:
        there = Standing(ticket.status, ticket.user_id, ticket.queue_id)
        if stands.get(ticket.id, there) != there:
            findings.append(
                Finding(UNTRUE, f"ticket {ticket.id} is {there}, requests say {stands[ticket.id]}")
            )
    return findings


def decided(stood: Standing, kind: str, ask: Body) -> tuple[str, Standing]:
    """Say what a request is answered, and how it leaves the ticket."""
    user, queue = ask.get("userId"), ask.get("queueId", stood.queue_id)
    is_alive = stood.status in {"open", "pending"}
    answer, after = "ticket.refused", stood
    match kind:
        case "ticket.accept" if stood.status != "open" or stood.user_id == user:
            answer, after = "ticket.accepted", Standing("open", user, queue)
        case "ticket.return" if stood.status == "open":
            answer, after = "ticket.returned", Standing("pending", None, stood.queue_id)
        case "ticket.queue" if is_alive:
            answer, after = "ticket.queued", replace(stood, queue_id=queue)
        case "ticket.transfer" if is_alive:
            answer, after = (
                "ticket.transferred",
                Standing("open" if user else "pending", user, queue),
            )
        case "ticket.close" if is_alive:
            answer, after = "ticket.closed", replace(stood, status="closed")
        case "ticket.note":
            answer = "ticket.noted"
        case _:
            pass
    return answer, after


def last_told(facts: Iterable[Fact], tickets: Iterable[Any]) -> list[Finding]:
    """The newest fact about a ticket says who has it and how many messages are unread."""
    newest: dict[int, Body] = {}
    for fact in facts:
        told = json.loads(fact.record.value or b"{}")
        if told.get("version", -1) >= newest.get(told["ticketId"], told).get("version", 0):
            newest[told["ticketId"]] = told
    findings = []
    for ticket in tickets:
        if told := newest.get(ticket.id):
            last = (told["status"], told.get("userId"), told.get("queueId"), told["unreadMessages"])
            there = (ticket.status, ticket.user_id, ticket.queue_id, ticket.unread)
            if last != there:
                findings.append(Finding(UNTRUE, f"ticket {ticket.id} is {there}, last told {last}"))
    return findings


def composed(
    asked: Asked, replies: Mapping[str, Reply], messages: Iterable[Message]
) -> list[Finding]:
    """Each message that was asked for is one row and one send, and its answer is on the row."""
    tickets = {(held.place.company_id, held.person.chat): held.id for held in asked.desk.tickets}
    there = {message.id: message for message in messages if message.ticket_id in tickets.values()}
    answers: dict[str, list[bytes | None]] = {}
    findings: list[Finding] = []
    for _, ask, facts in asked.of("messages"):
        name = ask["requestId"]
        words = [fact.record.value for fact in facts]
        if name in answers:
            findings += _again(name, answers[name], words)
            continue
        answers[name] = words
        wanted = _kinds(ask)
        if trouble := _told_otherwise(name, wanted, facts):
            findings += trouble
        elif wanted[0] == "message.stored":
            stored, *sent = [json.loads(word or b"{}") for word in words]
            row = there.pop(stored["messageId"], None)
            ticket = tickets[ask["companyId"], ask["chat"]]
            findings += _of_row(ask, row, ticket, sent[0]["sendId"] if sent else None, replies)
    return findings + [Finding(UNTRUE, f"nobody asked for {row}") for row in there.values()]


def _kinds(ask: Body) -> list[str]:
    if ask.get("ticketId") == NOWHERE:
        return ["message.refused"]
    return ["message.stored"] if ask["isPrivate"] else ["message.stored", "message.send"]


def _of_row(
    ask: Body,
    row: Message | None,
    ticket_id: int,
    send_id: str | None,
    replies: Mapping[str, Reply],
) -> list[Finding]:
    if row is None:
        return [Finding(LOST, f"no row of {ask['requestId']}")]
    reply = replies.get(ask["body"])
    wanted = (ask["body"], ticket_id, True, ask["isPrivate"], reply.ack if reply else DELIVERED)
    found = (row.body, row.ticket_id, row.from_me, row.is_private, row.ack)
    name = reply.wid or send_id if reply else row.wid
    if (wanted, name) == (found, row.wid):
        return []
    return [Finding(UNTRUE, f"{ask['requestId']} is {found} {row.wid}, not {wanted} {name}")]


def _one_answer(
    name: str, answer: str, after: Standing | None, facts: Sequence[Fact]
) -> list[Finding]:
    if trouble := _told_otherwise(name, [answer], facts):
        return trouble
    told = json.loads(facts[0].record.value or b"{}")
    if told["requestId"] != name:
        return [Finding(UNTRUE, f"{name} was answered as {told['requestId']}")]
    state = Standing(told.get("status", ""), told.get("userId"), told.get("queueId"))
    if answer != "ticket.refused" and state != after:
        return [Finding(UNTRUE, f"{name} was told {state}, not {after}")]
    return []


def _told_otherwise(name: str, wanted: Sequence[str], facts: Sequence[Fact]) -> list[Finding]:
    found = [fact.record.type for fact in facts]
    if found == wanted:
        return []
    kind = LOST if len(found) < len(wanted) else TWICE if len(found) > len(wanted) else UNTRUE
    return [Finding(kind, f"{name} was told {found}, not {wanted}")]


def _again(
    name: str, first: Sequence[bytes | None], words: Sequence[bytes | None]
) -> list[Finding]:
    if not words:
        return [Finding(LOST, f"{name} was asked again and not answered")]
    if list(first) != list(words):
        return [Finding(UNTRUE, f"{name} was answered {first}, then {words}")]
    return []
