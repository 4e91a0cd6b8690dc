"""Send results, published by our sender or by a gateway that consumes `message.send`."""

from typing import ClassVar

from shared.contracts.base import Moment, Name, Token
from shared.contracts.message import ConversationEvent


class SendResult(ConversationEvent):
    """The result of the send `sendId`; `wid` is the id that the gateway gave the message."""

    topic: ClassVar[str] = "message.answered"

    send_id: Token
    timestamp: Moment
    wid: Token | None = None


class MessageSent(SendResult):
    """The gateway accepted the message."""

    type: ClassVar[str] = "message.sent"


class MessageFailed(SendResult):
    """The message was not sent or, with `errorClass` `unknown`, may have been sent.

    Other classes: `final_recipient` and `final_template` (never for this recipient or template),
    `pause` (the line cannot send), `retry` (gave up after some attempts), `expired`. `errorCode`
    and `error` are the provider's.
    """

    type: ClassVar[str] = "message.failed"

    error_class: Token
    error_code: Name | None = None
    error: Name | None = None
