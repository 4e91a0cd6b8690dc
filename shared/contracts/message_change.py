"""What happens to a message after it was written: gateways tell it, in any order and repeatedly."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.base import Moment, Name, Text, Token
from shared.contracts.message import ConversationEvent

FAILED, PENDING, ON_SERVER, DELIVERED, READ, PLAYED = -1, 0, 1, 2, 3, 4  # schema.md 3, Messages.ack


class MessageChange(ConversationEvent):
    """A change of the message `wid` of a line; `timestamp` is when it happened."""

    topic: ClassVar[str] = "message.changed"

    wid: Token
    timestamp: Moment
    timestamp_estimated: bool = False


class MessageAcked(MessageChange):
    """One of our messages came so far: `ack` as in "Messages".ack, -1 where it failed.

    `sendId` is ours, where the gateway gives it back. `errorCode` is the provider's own.
    """

    type: ClassVar[str] = "message.acked"

    ack: Annotated[int, Field(ge=FAILED, le=5)]
    participant: Token | None = None
    send_id: Token | None = None
    error_code: Name | None = None
    error: Name | None = None


class MessageEdited(MessageChange):
    """The words of a message, or its caption, are others now.

    `fromMe` says who did it, where the gateway does: only who wrote a message edits it.
    """

    type: ClassVar[str] = "message.edited"

    body: Text
    from_me: bool | None = None


class MessageDeleted(MessageChange):
    """A message was revoked for everybody; `fromMe` says by whom, where the gateway does."""

    type: ClassVar[str] = "message.deleted"

    from_me: bool | None = None


class MessageReacted(MessageChange):
    """Somebody reacted to a message with `emoji`; an empty one takes the reaction back.

    `fromMe` says that we did; in a group `participant` is who did, else it was the chat's contact.
    """

    type: ClassVar[str] = "message.reacted"

    emoji: Name = ""
    from_me: bool = False
    participant: Token | None = None


class MessageRead(MessageChange):
    """We read the chat up to this message of the customer's, on the telephone say."""

    type: ClassVar[str] = "message.read"
