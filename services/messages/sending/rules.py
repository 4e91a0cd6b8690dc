"""Rules of the sender: its sends, and the status after an attempt. No clock, no database."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.messages.domain.keys import LineKey, SendKey, get_line_key
from services.messages.domain.routes import GATEWAY_CANNOT, OUTSIDE_WINDOW, TEXT_TOO_LONG, Route
from services.messages.send_results.rules import NOT_SENT, SENT, UNKNOWN, SendOutcome
from shared.contracts.message import MessageSend
from shared.contracts.send_result import MessageFailed, MessageSent
from shared.gateways.senders.outgoing import (
    ErrorClass,
    GatewayResponse,
    OutgoingChange,
    OutgoingMessage,
    Quoted,
    build_failure,
    derive_wid_of_send,
)

LONGEST_WAIT_S = 300.0
FIRST_PAUSE_S = 30.0  # first pause of a line that cannot send
BACKOFF_FACTOR = 4.0  # factor between two waits

WAITING = "waiting"  # "Sends".status of a send that our sender makes, now or later


@dataclass(frozen=True, slots=True)
class Connection:
    """A line's gateway, the URL of its server, and its instance there."""

    gateway: str
    server: str
    instance: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A send that only this process may make; it fails without a connection.

    `quoted` is the message that it quotes or changes. `refusal` is why it may not be sent now.
    """

    send: MessageSend
    wid: str
    attempts: int
    connection: Connection | None
    quoted: Quoted | None
    refusal: str = ""

    @property
    def line(self) -> LineKey:
        """The line that sends it."""
        return get_line_key(self.send)

    @property
    def sending(self) -> OutgoingMessage:
        """The message as input of the gateways' request builders."""
        return OutgoingMessage(
            instance=self.connection.instance if self.connection else "",
            chat=self.send.chat,
            send_id=self.send.send_id,
            wid=self.wid,
            body=self.send.body,
            jid=self.send.jid,
            media_url=self.send.media_url,
            media_type=self.send.media_type,
            given_file_name=self.send.file_name,
            given_mime_type=self.send.mime_type,
            quoted=None if self.send.change else self.quoted,
            template=self.send.template,
            buttons=self.send.buttons or (),
            option_list=self.send.option_list,
            change=self._change,
        )

    @property
    def _change(self) -> OutgoingChange | None:
        change = self.send.change
        if change is None:
            return None
        of = self.quoted or Quoted(change.wid, change.from_me, change.participant)
        return OutgoingChange(change.kind, of, self.send.body or change.emoji)


@dataclass(frozen=True, slots=True)
class SendUpdate:
    """What is saved after an attempt; `pause_s` is how long the whole line waits."""

    status: str
    result: GatewayResponse
    retry_after_s: float = 0.0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class WaitingSend:
    """A send for our sender to make; `request` is its event as JSON."""

    company_id: int
    send_id: str
    whatsapp_id: int
    chat: str
    wid: str
    request: str
    expires_at: datetime


def plan_waiting(lines: Collection[LineKey], batch: Iterable[MessageSend]) -> list[WaitingSend]:
    """Return each send of these lines once; other lines have gateways that read Kafka."""
    rows: dict[SendKey, WaitingSend] = {}
    for send in batch:
        if get_line_key(send) not in lines:
            continue
        row = WaitingSend(
            send.company_id,
            send.send_id,
            send.whatsapp_id,
            send.chat,
            derive_wid_of_send(send.company_id, send.whatsapp_id, send.send_id),
            send.model_dump_json(by_alias=True, exclude_none=True),
            send.expires_at,
        )
        rows.setdefault(SendKey(send.company_id, send.send_id), row)
    return list(rows.values())


def find_refusal(send: MessageSend, route: Route) -> str:
    """Return why a send is not made now, although it was requested; empty if it is made.

    It may have waited until the window closed, the line may have another gateway meanwhile, and
    the texts of campaigns are checked here only.
    """
    if send.change and not route.can(send.change.kind):
        return GATEWAY_CANNOT
    if not send.is_free_text:
        return ""
    if not route.takes_free_text:
        return OUTSIDE_WINDOW
    return "" if route.takes_text(send.body, is_caption=bool(send.media_url)) else TEXT_TOO_LONG


def build_refusal(reason: str) -> GatewayResponse:
    """Return the result of a send that the gateway is not asked to make."""
    texts = {
        OUTSIDE_WINDOW: "the customer has not written for 24 hours: only a template can be sent",
        GATEWAY_CANNOT: "the line's gateway cannot do this",
        TEXT_TOO_LONG: "a text has at most 4,096 characters, and a caption 1,024",
    }
    return build_failure(ErrorClass.FINAL_RECIPIENT, reason, texts[reason])


def decide_update(result: GatewayResponse, attempts: int, first_wait_s: float) -> SendUpdate:
    """Return what follows from an attempt's result.

    Only a send that certainly did not take place is retried, until it expires.
    """
    match result.error_class:
        case ErrorClass.OK:
            return SendUpdate(SENT, result)
        case ErrorClass.RETRY:
            return SendUpdate(WAITING, result, _compute_wait_s(first_wait_s, attempts))
        case ErrorClass.PAUSE:
            wait_s = _compute_wait_s(FIRST_PAUSE_S, attempts)
            return SendUpdate(WAITING, result, wait_s, wait_s)
        case ErrorClass.UNKNOWN:
            return SendUpdate(UNKNOWN, result)
        case _:
            return SendUpdate(NOT_SENT, result)


def build_facts(
    results: Sequence[tuple[SendOutcome, datetime]],
) -> list[MessageSent | MessageFailed]:
    """Return the facts of our sender's results, each with its time."""
    return [_build_fact(result, at) for result, at in results]


def _compute_wait_s(first_s: float, attempts: int) -> float:
    return min(first_s * math.pow(BACKOFF_FACTOR, min(attempts - 1, 10)), LONGEST_WAIT_S)


def _build_fact(result: SendOutcome, at: datetime) -> MessageSent | MessageFailed:
    members = {
        "company_id": result.company_id, "whatsapp_id": result.whatsapp_id, "chat": result.chat,
        "send_id": result.send_id, "timestamp": at, "wid": result.wid,
    }  # fmt: skip
    if result.status == SENT:
        return MessageSent.model_validate(members)
    return MessageFailed.model_validate(
        members
        | {
            "error_class": result.error_class or ErrorClass.UNKNOWN,
            "error_code": result.error_code,
            "error": result.error,
        }
    )
