"""The sends that are published for a line, and the checks of their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.conformance.report import Check
from shared.conformance.topic.faults import build_check
from shared.conformance.topic.read_record import Line, ReadRecord
from shared.conformance.topic.record_checks import mask_key, read_record_time
from shared.contracts.message import MessageReceived, MessageSend
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult

LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SendPlan:
    """The sends of a run by purpose; `repeated` is published again after its answer."""

    text: MessageSend
    repeated: MessageSend
    expired: MessageSend
    no_whatsapp: MessageSend

    @property
    def sends(self) -> tuple[MessageSend, ...]:
        """All sends, each once."""
        return self.text, self.repeated, self.expired, self.no_whatsapp


def plan_sends(line: Line, number: str, no_whatsapp: str, run: str, now: datetime) -> SendPlan:
    """Return the sends of a run; `run` is part of their send ids and texts."""

    def build(purpose: str, chat: str, expires_at: datetime) -> MessageSend:
        return MessageSend(
            company_id=line[0],
            whatsapp_id=line[1],
            chat=chat,
            send_id=f"conformance-{run}-{purpose}",
            body=f"ChatIA Flow conformance {run}: {purpose}",
            expires_at=expires_at,
        )

    later = now + LIFETIME
    return SendPlan(
        text=build("text", number, later),
        repeated=build("repeated", number, later),
        expired=build("expired", number, now - LIFETIME),
        no_whatsapp=build("no-whatsapp", no_whatsapp, later),
    )


def list_missing(plan: SendPlan, reads: Sequence[ReadRecord]) -> list[str]:
    """Return the send ids without an answer."""
    answered = {read.event.send_id for read in reads if isinstance(read.event, SendResult)}
    return [send.send_id for send in plan.sends if send.send_id not in answered]


def check_sends(
    plan: SendPlan, reads: Sequence[ReadRecord], published_at: datetime, within: timedelta
) -> list[Check]:
    """Return the checks of the answers; `published_at` is when the sends were published."""
    answers = {send.send_id: _find_answers(send, reads) for send in plan.sends}
    return [
        *(
            build_check(
                "answer",
                send.send_id,
                _describe(send),
                _find_wrong_answers(answers[send.send_id], published_at + within),
            )
            for send in (plan.text, plan.expired, plan.no_whatsapp)
        ),
        _check_sent(plan, answers[plan.text.send_id]),
        _check_repeated(plan, answers[plan.repeated.send_id], reads),
        _check_expired(plan, answers[plan.expired.send_id], reads),
        _check_no_whatsapp(plan, answers[plan.no_whatsapp.send_id]),
    ]


def _find_answers(send: MessageSend, reads: Sequence[ReadRecord]) -> list[ReadRecord]:
    """Return the answers to a send; one that Kafka has twice, with the same ce_id, counts once."""
    answers = [
        read
        for read in reads
        if isinstance(read.event, SendResult) and read.event.send_id == send.send_id
    ]
    unique = {
        (read.attributes.get("source"), read.attributes.get("id") or str(read.place)): read
        for read in answers
    }
    return list(unique.values())


def _find_wrong_answers(answers: Sequence[ReadRecord], latest: datetime) -> str:
    if not answers:
        return "no answer"
    if len(answers) > 1:
        return f"{len(answers)} answers"
    if read_record_time(answers[0]) > latest:
        return "an answer, but too late"
    return ""


def _check_sent(plan: SendPlan, answers: Sequence[ReadRecord]) -> Check:
    first = answers[0].event if answers else None
    problem = "" if isinstance(first, MessageSent) else _describe_answer(first)
    return build_check("sent", plan.text.send_id, _describe(plan.text), problem)


def _check_repeated(
    plan: SendPlan, answers: Sequence[ReadRecord], reads: Sequence[ReadRecord]
) -> Check:
    wids = {read.event.wid for read in answers if isinstance(read.event, MessageSent)}
    echoes = _count_echoes(plan.repeated, reads)
    problem = ""
    if not answers:
        problem = "no answer"
    elif len(wids) > 1 or len({type(read.event) for read in answers}) > 1:
        problem = "different answers to one sendId"
    elif echoes > 1:
        problem = f"sent {echoes} times"
    return build_check(
        "repeated", plan.repeated.send_id, f"3 times {_describe(plan.repeated)}", problem
    )


def _check_expired(
    plan: SendPlan, answers: Sequence[ReadRecord], reads: Sequence[ReadRecord]
) -> Check:
    first = answers[0].event if answers else None
    is_right = isinstance(first, MessageFailed) and first.error_class == "expired"
    problem = "" if is_right else _describe_answer(first)
    if _count_echoes(plan.expired, reads):
        problem = "it was sent"
    return build_check("expired", plan.expired.send_id, _describe(plan.expired), problem)


def _check_no_whatsapp(plan: SendPlan, answers: Sequence[ReadRecord]) -> Check:
    first = answers[0].event if answers else None
    is_right = isinstance(first, MessageFailed) and first.error_class == "final_recipient"
    problem = "" if is_right else _describe_answer(first)
    return build_check(
        "no-whatsapp", plan.no_whatsapp.send_id, _describe(plan.no_whatsapp), problem
    )


def _count_echoes(send: MessageSend, reads: Sequence[ReadRecord]) -> int:
    """Return how many of our own messages have the text of a send, which no other message has."""
    echoes = [read.event for read in reads if isinstance(read.event, MessageReceived)]
    return len({event.wid for event in echoes if event.from_me and event.body == send.body})


def _describe(send: MessageSend) -> str:
    key, expires_at = mask_key(send.key), send.expires_at.isoformat()
    return f"message.send {send.send_id}, key {key}, expiresAt {expires_at}"


def _describe_answer(event: object) -> str:
    match event:
        case MessageSent():
            return "message.sent"
        case MessageFailed(error_class=name):
            return f"message.failed with {name[:80]}"
        case _:
            return "no answer"
