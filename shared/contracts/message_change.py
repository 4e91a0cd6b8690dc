"""Changes of messages, as gateways report them; they may be out of order and repeated."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.base import GATEWAY, Moment, Name, Roles, Text, Token
from shared.contracts.members import (
    Ack,
    ErrorCode,
    ErrorText,
    SendId,
    TimestampEstimated,
)
from shared.contracts.message import ConversationEvent

FAILED, PENDING, ON_SERVER, DELIVERED, READ, PLAYED = -1, 0, 1, 2, 3, 4  # as in "Messages".ack


class MessageChange(ConversationEvent):
    """A change of a message; changes may arrive in any order, repeatedly and before the message."""

    topic: ClassVar[str] = "message.changed"
    writers: ClassVar[Roles] = (GATEWAY, "messages")
    readers: ClassVar[Roles] = ("messages",)

    wid: Token
    """WhatsApp's id of the changed message."""
    timestamp: Moment
    """When it changed: ISO 8601 with zone, or seconds or milliseconds since 1970."""
    timestamp_estimated: TimestampEstimated = False


class MessageAcked(MessageChange):
    """The new ack of one of our messages, as in "Messages".ack; -1 if it failed."""

    type: ClassVar[str] = "message.acked"

    ack: Annotated[Ack, Field(ge=FAILED, le=5)]
    participant: Token | None = None
    """In a group, the member who received or read it."""
    send_id: SendId | None = None
    error_code: ErrorCode | None = None
    error: ErrorText | None = None


class MessageEdited(MessageChange):
    """The text or the caption of a message changed; only the author may edit it."""

    type: ClassVar[str] = "message.edited"

    body: Text
    """The new text or caption."""
    from_me: bool | None = None
    """Whether we edited it; absent if the gateway does not say."""


class MessageDeleted(MessageChange):
    """A message was deleted for everyone."""

    type: ClassVar[str] = "message.deleted"

    from_me: bool | None = None
    """Whether we deleted it; absent if the gateway does not say."""


class MessageReacted(MessageChange):
    """Somebody reacted to a message: we, a participant of the group, or the chat's contact."""

    type: ClassVar[str] = "message.reacted"

    emoji: Name = ""
    """The reaction; empty removes it."""
    from_me: bool = False
    """Whether we reacted."""
    participant: Token | None = None
    """In a group, the member who reacted."""


class MessageRead(MessageChange):
    """A user read the chat up to this message of the customer, for example on the phone."""

    type: ClassVar[str] = "message.read"
