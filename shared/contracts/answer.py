"""What became of a send: told by our own sender, or by a gateway that reads `message.send`."""

from typing import ClassVar

from shared.contracts.base import Moment, Name, Token
from shared.contracts.message import ConversationEvent


class MessageAnswered(ConversationEvent):
    """An answer to the send `sendId`; `wid` is what the gateway calls the message."""

    topic: ClassVar[str] = "message.answered"

    send_id: Token
    timestamp: Moment
    wid: Token | None = None


class MessageSent(MessageAnswered):
    """The gateway took the message."""

    type: ClassVar[str] = "message.sent"


class MessageFailed(MessageAnswered):
    """The message was not sent or, where `errorClass` is `unknown`, nobody knows whether it was.

    Other classes: `final_recipient` and `final_template` (never, for this recipient or template),
    `pause` (the line cannot send), `retry` (given up after a while), `expired`. `errorCode` is the
    provider's own, `error` its words.
    """

    type: ClassVar[str] = "message.failed"

    error_class: Token
    error_code: Name | None = None
    error: Name | None = None
