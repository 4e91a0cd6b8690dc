"""Send results, published by our sender or by a gateway that consumes `message.send`."""

from typing import ClassVar

from shared.contracts.base import BACK_OFFICE, GATEWAY, Moment, Roles, Token
from shared.contracts.members import ErrorCode, ErrorText, SendId, Wid
from shared.contracts.message import ConversationEvent


class SendResult(ConversationEvent):
    """The result of a send, by our sender or by the gateway that read `message.send`."""

    topic: ClassVar[str] = "message.answered"

    writers: ClassVar[Roles] = (GATEWAY, "messages")
    readers: ClassVar[Roles] = ("messages", BACK_OFFICE)

    send_id: SendId
    timestamp: Moment
    """When the gateway answered: ISO 8601 with zone, or seconds or milliseconds since 1970."""
    wid: Wid | None = None


class MessageSent(SendResult):
    """The gateway accepted the message."""

    type: ClassVar[str] = "message.sent"


class MessageFailed(SendResult):
    """The message was not sent or, with `errorClass` `unknown`, may have been sent."""

    type: ClassVar[str] = "message.failed"

    error_class: Token
    """What the error means for the send.

    `unknown`: it may have been sent; `final_recipient`, `final_template`: never for this recipient
    or template; `pause`: the line cannot send; `retry`: gave up after some attempts; `expired`.
    """
    error_code: ErrorCode | None = None
    error: ErrorText | None = None
