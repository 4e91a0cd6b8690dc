"""Events of one WhatsApp message, from the gateway to its row, and of its sending."""

from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import override

from shared.contracts.base import (
    CLOCKS_DIFFER,
    Event,
    Id,
    Moment,
    Name,
    Text,
    Token,
    build_conversation_key,
)

ABSORBED = "absorbed"  # a reason of message.refused
PLACEHOLDERS = frozenset({"unsupported", "undecryptable", "view_once"})  # media types, see below
NAMED_BY_SERVERS = ("s.whatsapp.net", "c.us", "g.us")


def _canonicalize_chat(chat: str) -> str:
    """Return a chat without its server, device and plus sign."""
    name, _, server = chat.partition("@")
    if server.lower() in NAMED_BY_SERVERS:
        chat = name.partition(":")[0]
    chat = chat.removeprefix("+")
    if not chat:
        msg = "a number, a group's id, a LID or a BSUID is wanted"
        raise ValueError(msg)
    return chat


Chat = Annotated[Token, AfterValidator(_canonicalize_chat)]


class ConversationEvent(Event):
    """An event of one chat on one line; `chat` is digits, a group id, `…@lid` or a BSUID.

    An address (`5511…:2@s.whatsapp.net`, `+5511…`) is reduced to its number.
    """

    whatsapp_id: Id
    chat: Chat

    @property
    @override
    def key(self) -> str:
        return build_conversation_key(self.company_id, self.whatsapp_id, self.chat)


class Referral(BaseModel):
    """The ad or post that a conversation began from."""

    model_config = Event.model_config

    source_type: Name | None = None
    source_id: Name | None = None
    source_url: Text | None = None
    headline: Text | None = None
    ctwa_clid: Text | None = None


class MessageReceived(ConversationEvent):
    """A gateway reported a message on a line: a customer's, or our own from any device.

    `wid` is WhatsApp's message id. `timestamp` is when it was written (ISO 8601 with zone, or
    seconds or milliseconds since 1970); with `timestampEstimated` it is the time of the record,
    because the gateway gave no time, or one in the future. `jid` is the address for replies, as
    the gateway sent it. In a group, `chat` is the group and `participant` the author. `dataJson` is
    the gateway's message without secrets and media bytes.

    A message whose content cannot be shown has an empty body and says why in `mediaType`:
    `unsupported` (the gateway does not know its kind), `undecryptable`, or `view_once` (shown on
    the phone only). Its row is a placeholder; the same `wid` with a content replaces it, once.
    """

    topic: ClassVar[str] = "message.received"
    type: ClassVar[str] = "message.received"

    wid: Token
    timestamp: Moment
    timestamp_estimated: bool = False
    from_me: bool = False
    is_group: bool = False
    body: Text = ""
    media_type: Name = "conversation"
    media_url: Text | None = None
    quoted_wid: Token | None = None
    is_forwarded: bool = False
    push_name: Name | None = None
    lid: Token | None = None
    jid: Token | None = None
    participant: Chat | None = None
    participant_lid: Token | None = None
    participant_jid: Token | None = None
    channel: Token = "whatsapp"
    referral: Referral | None = None
    data_json: Text | None = Field(None, repr=False)

    @property
    def is_placeholder(self) -> bool:
        """Whether the content cannot be shown."""
        return self.media_type in PLACEHOLDERS

    @override
    def limit_timestamp(self, moment: datetime) -> Self:
        if self.timestamp <= moment + CLOCKS_DIFFER:
            return self
        return self.model_copy(update={"timestamp": moment, "timestamp_estimated": True})


class MessageIdentified(MessageReceived):
    """A message with its contacts: `contactId` of the chat or group, `senderId` of the author.

    `senderId` is null for our own messages.
    """

    topic: ClassVar[str] = "message.identified"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.identified"

    contact_id: Id
    sender_id: Id | None = None


class MessageRouted(MessageIdentified):
    """A message with its ticket; `ticketEffect` is none, opened or reopened."""

    topic: ClassVar[str] = "message.routed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.routed"

    ticket_id: Id
    queue_id: Id | None = None
    ticket_traking_id: Id | None = None
    ticket_effect: Name = "none"


class MessageStored(ConversationEvent):
    """The message is a row of "Messages"; `requestId` is set if a request was the cause."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.stored"

    wid: Token
    timestamp: Moment
    message_id: Id
    ticket_id: Id
    contact_id: Id
    from_me: bool
    media_type: Name
    request_id: Token | None = None


class MessageRefused(ConversationEvent):
    """The message will not become a row; `reason` is `duplicate` or `groups-not-allowed`.

    `absorbed` is the reason for the echo of a send whose row has been merged into the send's row.
    `ticketId` and `ticketEffect` repeat those of message.routed, so that the tickets service
    can discard the ticket. Reasons for a request (`requestId`) are `no-ticket`, `other-line`,
    `other-chat` and `duplicate`.
    """

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.refused"

    wid: Token
    timestamp: Moment
    reason: Name
    ticket_id: Id | None = None
    ticket_effect: Name = "none"
    request_id: Token | None = None


class MessageUpdated(ConversationEvent):
    """A stored message changed; of two facts, the one with the higher `version` is newer.

    `changes` lists the changed parts: ack, body, deleted, read, reactions.
    """

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.updated"

    wid: Token
    message_id: Id
    ticket_id: Id
    version: int
    ack: int
    is_edited: bool
    is_deleted: bool
    read: bool
    changes: tuple[str, ...]


class MessagesMoved(Event):
    """The messages of the ticket `fromTicketId` were moved to the ticket `ticketId`."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.moved"

    ticket_id: Id
    from_ticket_id: Id

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"


class MessagesSeen(Event):
    """A user has seen the messages of `ticketId`: they are read."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.seen"

    ticket_id: Id

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"


class MessageSend(ConversationEvent):
    """A message to send on a line, once per `sendId`, and not after `expiresAt`.

    `jid` is the address to send to, if it is more precise than `chat`; `messageId` is the row of
    the message, if it has one. The send result goes to `message.answered`.
    """

    topic: ClassVar[str] = "message.send"
    type: ClassVar[str] = "message.send"

    send_id: Token
    body: Text
    expires_at: Moment
    campaign_id: Id | None = None
    jid: Token | None = None
    media_url: Text | None = None
    media_type: Name | None = None
    quoted_wid: Token | None = None
    message_id: Id | None = None
