"""Changes of messages, as gateways report them; they may be out of order and repeated."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.base import Moment, Name, Text, Token
from shared.contracts.message import ConversationEvent

FAILED, PENDING, ON_SERVER, DELIVERED, READ, PLAYED = -1, 0, 1, 2, 3, 4  # as in "Messages".ack


class MessageChange(ConversationEvent):
    """A change of a message; `wid` is the changed message, `timestamp` the time of the change."""

    topic: ClassVar[str] = "message.changed"

    wid: Token
    timestamp: Moment
    timestamp_estimated: bool = False


class MessageAcked(MessageChange):
    """The new ack of one of our messages, as in "Messages".ack; -1 if it failed.

    `sendId` is our send id, if the gateway returns it. `errorCode` is the provider's.
    """

    type: ClassVar[str] = "message.acked"

    ack: Annotated[int, Field(ge=FAILED, le=5)]
    participant: Token | None = None
    send_id: Token | None = None
    error_code: Name | None = None
    error: Name | None = None


class MessageEdited(MessageChange):
    """The text or the caption of a message changed.

    `fromMe` says who edited it, if the gateway reports that: only the author may edit a message.
    """

    type: ClassVar[str] = "message.edited"

    body: Text
    from_me: bool | None = None


class MessageDeleted(MessageChange):
    """A message was deleted for everyone; `fromMe` says by whom, if the gateway reports it."""

    type: ClassVar[str] = "message.deleted"

    from_me: bool | None = None


class MessageReacted(MessageChange):
    """Somebody reacted to a message with `emoji`; an empty one removes the reaction.

    With `fromMe` we reacted, in a group `participant`, otherwise the contact of the chat.
    """

    type: ClassVar[str] = "message.reacted"

    emoji: Name = ""
    from_me: bool = False
    participant: Token | None = None


class MessageRead(MessageChange):
    """A user read the chat up to this message of the customer, for example on the phone."""

    type: ClassVar[str] = "message.read"
