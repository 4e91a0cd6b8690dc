"""Rules for the results of requested changes: what changes in the row, and the answer. Pure.

A change takes effect when its send is known to be sent, once. Each status is answered
once: message.updated, or message.refused with `not-sent` or `unknown`. After `unknown` and
`not-sent` a gateway may still report that it was sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.messages.domain.keys import SendKey
from services.messages.domain.requested_changes import RequestedChange, decode_change
from services.messages.send_results.rules import SENT, UNKNOWN, MatchedSend, Plan, SendOutcome
from shared.contracts.message import MessageRefused, MessageUpdated
from shared.contracts.message_change import (
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.message_content import ChangeKind
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.send_result import SendResult

NOT_SENT, RESULT_UNKNOWN, NO_MESSAGE = "not-sent", "unknown", "no-message"
_PARTS = {  # as in message.updated
    ChangeKind.REACT: "reactions",
    ChangeKind.EDIT: "body",
    ChangeKind.DELETE: "deleted",
    ChangeKind.MARK_READ: "read",
}


class TargetKey(NamedTuple):
    """Key of the message that a change is for: its id, else its wid."""

    company_id: int
    whatsapp_id: int
    message_id: int
    wid: str


@dataclass(frozen=True, slots=True)
class DueChange:
    """A requested change with a result that is not answered yet, and the event of the result."""

    send: MatchedSend
    change: RequestedChange
    result: SendOutcome
    cause: SendResult | MessageAcked

    @property
    def target(self) -> TargetKey:
        """The key of the message to change."""
        return TargetKey(
            self.send.company_id, self.send.whatsapp_id, self.change.message_id, self.change.wid
        )

    @property
    def is_done(self) -> bool:
        """Whether the gateway has changed the message."""
        return self.send.status == SENT


@dataclass(frozen=True, slots=True)
class MessageState:
    """A message as its row is now; `version` is the row's, in microseconds since 1970."""

    message_id: int
    wid: str
    ticket_id: int
    version: int
    ack: int
    is_edited: bool
    is_deleted: bool
    read: bool


def list_due(plan: Plan, sends: Iterable[MatchedSend]) -> list[DueChange]:
    """Return the requested changes among sends with a result that is not answered yet."""
    due = []
    for send in sends:
        if send.change and (change := decode_change(send.change)).answered != send.status:
            key = SendKey(send.company_id, send.send_id)
            due.append(DueChange(send, change, plan.results[key], plan.causes[key]))
    return due


def build_events(
    due: Iterable[DueChange], targets: Mapping[TargetKey, MessageState]
) -> list[MessageChange]:
    """Return the changes that gateways have made, as events of the messages' present wids."""
    return [
        _build_event(one, targets[one.target].wid)
        for one in due
        if one.is_done and one.target in targets
    ]


def drop_answered(
    facts: Mapping[int, MessageUpdated],
    due: Iterable[DueChange],
    states: Mapping[TargetKey, MessageState],
) -> dict[int, MessageUpdated]:
    """Return the facts that no answer to a request repeats."""
    answered = {
        states[one.target].message_id for one in due if one.is_done and one.target in states
    }
    return {number: fact for number, fact in facts.items() if number not in answered}


def build_answers(
    due: Sequence[DueChange],
    states: Mapping[TargetKey, MessageState],
    facts: Mapping[int, MessageUpdated],
) -> Outcome:
    """Return the answer to each request.

    Of several requests about one message each answer lists what this request changed in the row;
    the last one also lists what else has changed.
    """
    done = [one for one in due if one.is_done and one.target in states]
    last = {states[one.target].message_id: one for one in done}
    unreported = {number: list(fact.changes) for number, fact in facts.items()}
    answers: Outcome = []
    for one in due:
        state = states.get(one.target)
        if state is None or not one.is_done:
            answers.append(Emit(one.cause, _build_refused(one)))
            continue
        parts = unreported.get(state.message_id, [])
        is_last = last[state.message_id] is one
        changes = [part for part in parts if is_last or part == _PARTS[one.change.kind]]
        unreported[state.message_id] = [part for part in parts if part not in changes]
        answers.append(Emit(one.cause, _build_updated(one, state, tuple(changes))))
    return answers


def _build_event(due: DueChange, wid: str) -> MessageChange:
    change = due.change
    members = {
        "company_id": due.send.company_id, "whatsapp_id": due.send.whatsapp_id,
        "chat": change.chat, "wid": wid, "timestamp": due.cause.timestamp,
    }  # fmt: skip
    match change.kind:
        case ChangeKind.REACT:
            reaction = {"emoji": change.text, "from_me": True}
            return MessageReacted.model_validate(members | reaction)
        case ChangeKind.EDIT:
            return MessageEdited.model_validate(members | {"body": change.text, "from_me": True})
        case ChangeKind.DELETE:
            return MessageDeleted.model_validate(members)
        case ChangeKind.MARK_READ:
            return MessageRead.model_validate(members)


def _build_updated(due: DueChange, state: MessageState, changes: tuple[str, ...]) -> MessageUpdated:
    return MessageUpdated(
        company_id=due.send.company_id,
        whatsapp_id=due.send.whatsapp_id,
        chat=due.change.chat,
        wid=state.wid,
        message_id=state.message_id,
        ticket_id=state.ticket_id,
        version=state.version,
        ack=state.ack,
        is_edited=state.is_edited,
        is_deleted=state.is_deleted,
        read=state.read,
        changes=changes,
        request_id=due.change.request_id,
    )


def _build_refused(due: DueChange) -> MessageRefused:
    reason = RESULT_UNKNOWN if due.send.status == UNKNOWN else NOT_SENT
    return MessageRefused(
        company_id=due.send.company_id,
        whatsapp_id=due.send.whatsapp_id,
        chat=due.change.chat,
        wid=due.change.wid,
        timestamp=due.cause.timestamp,
        reason=NO_MESSAGE if due.is_done else reason,
        request_id=due.change.request_id,
        error_code=due.result.error_code,
        error=due.result.error,
    )
