"""Audit of requests: each has one answer, the one that a table of the auditor's own expects.

Requests are decided again in the order of their partitions.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.message_request import MessageCompose
from shared.dev.demo.invalid_records import NOWHERE
from tests.faults.findings import LOST, TWICE, WRONG, Finding
from tests.faults.laws import Cause, Fact
from tests.faults.reading import TopicRecord
from tests.faults.requests import Reply, find_text
from tests.faults.rows import Message
from tests.faults.ticket_fixtures import TicketFixtures

DELIVERED = 2  # the ack of a private note

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnsweredRequests:
    """The requests of a round in the order of their partitions, and the facts by their causes."""

    fixtures: TicketFixtures
    records: Sequence[TopicRecord]
    payload: Mapping[Cause, Sequence[Fact]]

    def of(self, service: str) -> list[tuple[TopicRecord, Body, Sequence[Fact]]]:
        """Return each request to a service with its body and the facts that it caused."""
        ending = f".{service}.requests"
        return [
            (
                record,
                json.loads(record.value or b"{}"),
                self.payload.get((service, *record.record_id), ()),
            )
            for record in self.records
            if record.topic.endswith(ending)
        ]


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket, as far as requests change it."""

    status: str = "pending"
    user_id: int | None = None
    queue_id: int | None = None


def check_ticket_requests(requests: AnsweredRequests, tickets: Iterable[Any]) -> list[Finding]:
    """Check that each request has one answer, and each ticket the state after its last request."""
    states = {fixture.id: TicketState() for fixture in requests.fixtures.tickets}
    answers: dict[str, list[bytes | None]] = {}
    findings: list[Finding] = []
    for record, request, facts in requests.of("tickets"):
        name = request["requestId"]
        values = [fact.record.value for fact in facts]
        if name in answers:
            findings += _check_repeat(name, answers[name], values)
            continue
        answers[name] = values
        before = states.get(request["ticketId"])
        answer, after = (
            decide_request(before, record.type, request) if before else ("ticket.refused", None)
        )
        if after:
            states[request["ticketId"]] = after
        findings += _check_answer(name, answer, after, facts)
    for ticket in tickets:
        actual = TicketState(ticket.status, ticket.user_id, ticket.queue_id)
        if states.get(ticket.id, actual) != actual:
            findings.append(
                Finding(WRONG, f"ticket {ticket.id} is {actual}, requests say {states[ticket.id]}")
            )
    return findings


def decide_request(before: TicketState, kind: str, request: Body) -> tuple[str, TicketState]:
    """Return the type of the answer to a request, and the ticket's state after it."""
    user, queue = request.get("userId"), request.get("queueId", before.queue_id)
    is_alive = before.status in {"open", "pending"}
    answer, after = "ticket.refused", before
    match kind:
        case "ticket.accept" if before.status != "open" or before.user_id == user:
            answer, after = "ticket.accepted", TicketState("open", user, queue)
        case "ticket.return" if before.status == "open":
            answer, after = "ticket.returned", TicketState("pending", None, before.queue_id)
        case "ticket.queue" if is_alive:
            answer, after = "ticket.queued", replace(before, queue_id=queue)
        case "ticket.transfer" if is_alive:
            answer, after = (
                "ticket.transferred",
                TicketState("open" if user else "pending", user, queue),
            )
        case "ticket.close" if is_alive:
            answer, after = "ticket.closed", replace(before, status="closed")
        case "ticket.note":
            answer = "ticket.noted"
        case _:
            pass
    return answer, after


def check_last_facts(facts: Iterable[Fact], tickets: Iterable[Any]) -> list[Finding]:
    """Check that the newest fact about a ticket has its user, queue, status and unread count."""
    newest: dict[int, Body] = {}
    for fact in facts:
        payload = json.loads(fact.record.value or b"{}")
        if payload.get("version", -1) >= newest.get(payload["ticketId"], payload).get("version", 0):
            newest[payload["ticketId"]] = payload
    findings = []
    for ticket in tickets:
        if payload := newest.get(ticket.id):
            last = (
                payload["status"],
                payload.get("userId"),
                payload.get("queueId"),
                payload["unreadMessages"],
            )
            actual = (ticket.status, ticket.user_id, ticket.queue_id, ticket.unread)
            if last != actual:
                findings.append(
                    Finding(WRONG, f"ticket {ticket.id} is {actual}, the last fact says {last}")
                )
    return findings


def check_composed_messages(
    requests: AnsweredRequests, replies: Mapping[str, Reply], messages: Iterable[Message]
) -> list[Finding]:
    """Check that each requested message is one row and one send, with its result on the row."""
    tickets = {
        (fixture.place.company_id, fixture.person.chat): fixture.id
        for fixture in requests.fixtures.tickets
    }
    actual = {message.id: message for message in messages if message.ticket_id in tickets.values()}
    answers: dict[str, list[bytes | None]] = {}
    findings: list[Finding] = []
    for _, request, facts in requests.of("messages"):
        name = request["requestId"]
        values = [fact.record.value for fact in facts]
        if name in answers:
            findings += _check_repeat(name, answers[name], values)
            continue
        answers[name] = values
        wanted = _list_expected_types(request)
        if trouble := _check_types(name, wanted, facts):
            findings += trouble
        elif wanted[0] == "message.stored":
            stored, *sent = [json.loads(word or b"{}") for word in values]
            row = actual.pop(stored["messageId"], None)
            ticket = tickets[request["companyId"], request["chat"]]
            findings += _check_row(
                request, row, ticket, sent[0]["sendId"] if sent else None, replies
            )
    return findings + [Finding(WRONG, f"no request for {row}") for row in actual.values()]


def check_requested_changes(replies: Mapping[str, Reply], sends: Iterable[Body]) -> list[Finding]:
    """Check that each change of a composed message is asked of the gateway once."""
    asked = Counter(send["sendId"] for send in sends if "change" in send)
    planned = {reply.change.send_id for reply in replies.values() if reply.change}
    return [
        *(Finding(LOST, f"change {name} was not sent") for name in planned - asked.keys()),
        *(
            Finding(TWICE, f"change {name} was sent {n} times")
            for name, n in asked.items()
            if n > 1
        ),
        *(Finding(WRONG, f"nobody planned change {name}") for name in asked.keys() - planned),
    ]


def _list_expected_types(request: Body) -> list[str]:
    if request.get("ticketId") == NOWHERE:
        return ["message.refused"]
    return ["message.stored"] if request["isPrivate"] else ["message.stored", "message.send"]


def _check_row(
    request: Body,
    row: Message | None,
    ticket_id: int,
    send_id: str | None,
    replies: Mapping[str, Reply],
) -> list[Finding]:
    if row is None:
        return [Finding(LOST, f"no row of {request['requestId']}")]
    text = find_text(MessageCompose.model_validate(request))
    reply = replies.get(text)
    after = reply.change.apply(text) if reply and reply.change else (text, False, False)
    wanted = (
        *after,
        ticket_id,
        True,
        request["isPrivate"],
        reply.ack if reply else DELIVERED,
    )
    actual_values = (
        row.body, row.is_edited, row.is_deleted, row.ticket_id, row.from_me, row.is_private,
        row.ack,
    )  # fmt: skip
    name = reply.wid or send_id if reply else row.wid
    if (wanted, name) == (actual_values, row.wid):
        return []
    return [
        Finding(WRONG, f"{request['requestId']} is {actual_values} {row.wid}, not {wanted} {name}")
    ]


def _check_answer(
    name: str, answer: str, after: TicketState | None, facts: Sequence[Fact]
) -> list[Finding]:
    if trouble := _check_types(name, [answer], facts):
        return trouble
    payload = json.loads(facts[0].record.value or b"{}")
    if payload["requestId"] != name:
        return [Finding(WRONG, f"{name} was answered as {payload['requestId']}")]
    state = TicketState(payload.get("status", ""), payload.get("userId"), payload.get("queueId"))
    if answer != "ticket.refused" and state != after:
        return [Finding(WRONG, f"{name} was answered {state}, not {after}")]
    return []


def _check_types(name: str, wanted: Sequence[str], facts: Sequence[Fact]) -> list[Finding]:
    actual_values = [fact.record.type for fact in facts]
    if actual_values == wanted:
        return []
    kind = (
        LOST
        if len(actual_values) < len(wanted)
        else TWICE
        if len(actual_values) > len(wanted)
        else WRONG
    )
    return [Finding(kind, f"{name} caused {actual_values}, not {wanted}")]


def _check_repeat(
    name: str, first: Sequence[bytes | None], values: Sequence[bytes | None]
) -> list[Finding]:
    if not values:
        return [Finding(LOST, f"{name} was repeated and not answered")]
    if list(first) != list(values):
        return [Finding(WRONG, f"{name} was answered {first}, then {values}")]
    return []
