"""What is sent, when it is tried again, and what is told of it. No clock, no database, no dice."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.messages.rules.answers import SENT, UNKNOWN, UNSENT, Answer, LineKey, SendKey
from shared.contracts.answer import MessageFailed, MessageSent
from shared.contracts.message import MessageSend
from shared.gateways.senders.outgoing import (
    ErrorClass,
    Quoted,
    Result,
    Sending,
    wid_of_send,
)

LONGEST_WAIT_S = 300.0
PAUSES_S = 30.0  # how long a line waits that could not send, the first time
TIMES = 4.0  # each wait is so many times the one before

AGAIN = "waiting"


@dataclass(frozen=True, slots=True)
class Connection:
    """How a line's gateway is asked: its name, its address, and what it calls the line."""

    gateway: str
    server: str
    instance: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A send that this process alone makes now; without a connection it cannot."""

    send: MessageSend
    wid: str
    attempts: int
    connection: Connection | None
    quoted: Quoted | None

    @property
    def line(self) -> LineKey:
        """Name the line that it goes out on."""
        return self.send.company_id, self.send.whatsapp_id

    @property
    def sending(self) -> Sending:
        """Put it as gateways' builders take it."""
        return Sending(
            instance=self.connection.instance if self.connection else "",
            chat=self.send.chat,
            send_id=self.send.send_id,
            wid=self.wid,
            body=self.send.body,
            jid=self.send.jid,
            media_url=self.send.media_url,
            media_type=self.send.media_type,
            quoted=self.quoted,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What is noted after an attempt; `pause_s` is how long the whole line waits."""

    status: str
    result: Result
    again_s: float = 0.0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A send that our sender is to make."""

    company_id: int
    send_id: str
    whatsapp_id: int
    chat: str
    wid: str
    request: str
    expires_at: datetime


def line_of(send: MessageSend) -> LineKey:
    """Name the line that a send goes out on."""
    return send.company_id, send.whatsapp_id


def waiting(lines: Collection[LineKey], batch: Iterable[MessageSend]) -> list[Waiting]:
    """List each send once, of those lines whose gateway is asked by us; others read Kafka."""
    rows: dict[SendKey, Waiting] = {}
    for send in batch:
        if line_of(send) not in lines:
            continue
        row = Waiting(
            send.company_id,
            send.send_id,
            send.whatsapp_id,
            send.chat,
            wid_of_send(send.company_id, send.whatsapp_id, send.send_id),
            send.model_dump_json(by_alias=True, exclude_none=True),
            send.expires_at,
        )
        rows.setdefault((send.company_id, send.send_id), row)
    return list(rows.values())


def step(result: Result, attempts: int, first_wait_s: float) -> Step:
    """Decide what follows from an attempt's result (field notes 4).

    Only what was certainly not sent is tried again, until it expires.
    """
    match result.error_class:
        case ErrorClass.OK:
            return Step(SENT, result)
        case ErrorClass.RETRY:
            return Step(AGAIN, result, _wait(first_wait_s, attempts))
        case ErrorClass.PAUSE:
            wait = _wait(PAUSES_S, attempts)
            return Step(AGAIN, result, wait, wait)
        case ErrorClass.UNKNOWN:
            return Step(UNKNOWN, result)
        case _:
            return Step(UNSENT, result)


def untold(rows: Sequence[tuple[Answer, datetime]]) -> list[MessageSent | MessageFailed]:
    """Tell what our sender has found out."""
    return [_fact(answer, at) for answer, at in rows]


def _wait(first_s: float, attempts: int) -> float:
    return min(first_s * math.pow(TIMES, min(attempts - 1, 10)), LONGEST_WAIT_S)


def _fact(answer: Answer, at: datetime) -> MessageSent | MessageFailed:
    about = {
        "company_id": answer.company_id, "whatsapp_id": answer.whatsapp_id, "chat": answer.chat,
        "send_id": answer.send_id, "timestamp": at, "wid": answer.wid,
    }  # fmt: skip
    if answer.status == SENT:
        return MessageSent.model_validate(about)
    return MessageFailed.model_validate(
        about
        | {
            "error_class": answer.error_class or ErrorClass.UNKNOWN,
            "error_code": answer.error_code,
            "error": answer.error,
        }
    )
