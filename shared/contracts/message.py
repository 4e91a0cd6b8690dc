"""Events of one WhatsApp message, from the gateway to its row, and of its sending."""

from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import override

from shared.contracts.base import (
    BACK_OFFICE,
    CLOCKS_DIFFER,
    GATEWAY,
    Event,
    Id,
    Moment,
    Name,
    Roles,
    Text,
    Token,
    build_conversation_key,
)
from shared.contracts.members import (
    Ack,
    Bsuid,
    CampaignId,
    ChoiceId,
    ContactId,
    ErrorCode,
    ErrorText,
    FileName,
    FromMe,
    Ignored,
    IsGroup,
    Jid,
    Lid,
    MediaUrl,
    MessageId,
    MimeType,
    Portfolio,
    PushName,
    QuotedWid,
    RequestId,
    RowVersion,
    SendId,
    TicketEffect,
    TicketId,
    TimestampEstimated,
    WhatsappId,
    Wid,
)
from shared.contracts.message_content import Buttons, MessageTemplate, OptionList, SendChange

ABSORBED = "absorbed"  # a reason of message.refused
CONTENT = "content"  # one of the changes of message.updated
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
    """An event of one chat on one line."""

    whatsapp_id: WhatsappId
    chat: Chat
    """The chat: a number's digits, a group's id, `…@lid` or Meta's user id (BSUID).

    An address (`5511…:2@s.whatsapp.net`, `+5511…`) is reduced to its number.
    """

    @property
    @override
    def key(self) -> str:
        return build_conversation_key(self.company_id, self.whatsapp_id, self.chat)


class Referral(BaseModel):
    """The ad or post that a conversation began from."""

    model_config = Event.model_config

    source_type: Name | None = None
    """`ad` or `post`."""
    source_id: Name | None = None
    """Meta's id of the ad or post."""
    source_url: Text | None = None
    """Its address."""
    headline: Text | None = None
    """Its headline."""
    ctwa_clid: Text | None = None
    """Meta's id of the click."""


class MessageReceived(ConversationEvent):
    """A gateway reported a message on a line: a customer's, or our own from any device.

    Records with the same `wid` on a line are one message. In a group, `chat` is the group and
    `participant` the author.

    A message whose content cannot be shown has an empty body and says why in `mediaType`:
    `unsupported` (the gateway does not know its kind), `undecryptable`, or `view_once` (shown on
    the phone only). Its row is a placeholder; the same `wid` with a content replaces it, once.
    """

    topic: ClassVar[str] = "message.received"
    type: ClassVar[str] = "message.received"
    writers: ClassVar[Roles] = (GATEWAY, "messages")
    readers: ClassVar[Roles] = ("contacts",)

    wid: Wid
    timestamp: Moment
    """When it was written: ISO 8601 with zone, or seconds or milliseconds since 1970."""
    timestamp_estimated: TimestampEstimated = False
    from_me: FromMe = False
    is_group: IsGroup = False
    body: Text = ""
    """The text, or the caption of a file."""
    media_type: Name = "conversation"
    """`conversation` for text, `image`, `video`, `audio`, `document` … for a file."""
    media_url: MediaUrl | None = None
    file_name: FileName | None = None
    mime_type: MimeType | None = None
    choice_id: ChoiceId | None = None
    quoted_wid: QuotedWid | None = None
    is_forwarded: bool = False
    """Whether WhatsApp shows it as forwarded."""
    push_name: PushName = None
    lid: Lid | None = None
    jid: Jid | None = None
    participant: Chat | None = None
    """The author in a group: a number's digits, or `…@lid`."""
    participant_lid: Token | None = None
    """The author's address without the number, `…@lid`."""
    participant_jid: Token | None = None
    """The author's address."""
    bsuid: Bsuid | None = None
    participant_bsuid: Bsuid | None = None
    group_name: Name | None = None
    """The name of the group, for its contact if that has no name yet."""
    portfolio: Portfolio | None = None
    channel: Token = "whatsapp"
    """The network of the message."""
    referral: Referral | None = None
    """The ad or post that the conversation began from."""
    received_at: Moment | None = None
    """When it first entered Kafka: the time of its gateway's payload, else of its record.

    It is never later than its record. A message that was more than a day old then gets no
    auto-reply.
    """
    data_json: Text | None = Field(None, repr=False)
    """The gateway's message as JSON text, without secrets and media bytes."""

    @property
    def is_placeholder(self) -> bool:
        """Whether the content cannot be shown."""
        return self.media_type in PLACEHOLDERS

    @override
    def limit_timestamp(self, moment: datetime) -> Self:
        limited: dict[str, object] = {}
        if self.received_at is None or self.received_at > moment:
            limited["received_at"] = moment
        if self.timestamp > moment + CLOCKS_DIFFER:
            limited |= {"timestamp": moment, "timestamp_estimated": True}
        return self.model_copy(update=limited) if limited else self


class MessageIdentified(MessageReceived):
    """A message with its contacts."""

    topic: ClassVar[str] = "message.identified"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.identified"
    writers: ClassVar[Roles] = ("contacts",)
    readers: ClassVar[Roles] = ("tickets",)

    contact_id: Id
    """The contact of the chat, or the group, `"Contacts".id`."""
    sender_id: Id | None = None
    """The contact who wrote it; absent for our own messages."""


class MessageRouted(MessageIdentified):
    """A message with its ticket."""

    topic: ClassVar[str] = "message.routed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.routed"
    writers: ClassVar[Roles] = ("tickets",)
    readers: ClassVar[Roles] = ("messages",)

    ticket_id: TicketId
    queue_id: Id | None = None
    """The queue of the ticket, `"Queues".id`."""
    ticket_traking_id: Id | None = None
    """The attendance, `"TicketTraking".id`."""
    ticket_effect: TicketEffect = "none"


class MessageStored(ConversationEvent):
    """The message is a row of "Messages"."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.stored"
    writers: ClassVar[Roles] = ("messages",)
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    wid: Wid
    timestamp: Moment
    """When it was written, ISO 8601 with zone."""
    message_id: MessageId
    ticket_id: TicketId
    contact_id: ContactId
    from_me: FromMe
    media_type: Name
    """As `"Messages"."mediaType"`; `conversation` for text."""
    choice_id: ChoiceId | None = None
    received_at: Moment | None = None
    """When it first entered Kafka, as in message.received."""
    request_id: RequestId | None = None
    ignored: Ignored | None = None


class MessageRefused(ConversationEvent):
    """The message will not become a row.

    `ticketId` and `ticketEffect` repeat those of message.routed, so that the tickets service
    can discard the ticket.
    """

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.refused"
    writers: ClassVar[Roles] = ("messages", "contacts")
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    wid: Wid
    timestamp: Moment
    """When it was written, ISO 8601 with zone."""
    reason: Name
    """`duplicate`, `groups-not-allowed` or `absorbed` (the echo of a send, merged into its row).

    For a request to send a message: `no-ticket`, `other-line`, `other-chat`, `outside-window`,
    `audio-with-text`, `text-too-long`,
    `unknown-template`, `template-not-approved`, `template-parameters` or `duplicate`. For one to
    change a message: `no-message`, `other-chat`, `private-note`, `deleted`, `not-ours`, `ours`,
    `gateway-cannot`, `not-sent`, `unknown` or `duplicate`.
    """
    ticket_id: Id | None = None
    """The ticket that the message was routed to, if it was."""
    ticket_effect: TicketEffect = "none"
    request_id: RequestId | None = None
    ignored: Ignored | None = None
    error_code: ErrorCode | None = None
    error: ErrorText | None = None


class MessageUpdated(ConversationEvent):
    """A stored message changed; of two facts, the one with the higher `version` is newer."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.updated"
    writers: ClassVar[Roles] = ("messages",)
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    wid: Wid
    message_id: MessageId
    ticket_id: TicketId
    version: RowVersion
    ack: Ack
    is_edited: bool
    """Whether the text was ever edited."""
    is_deleted: bool
    """Whether it was deleted for everyone."""
    read: bool
    """Whether a user has read it."""
    changes: tuple[str, ...]
    """The changed parts: `ack`, `body`, `deleted`, `read`, `reactions`, `content`.

    `content`: the content of a message replaced its placeholder, so that media type, media address,
    quote and `dataJson` may have changed too. For a request empty, if the message was like that
    already.
    """
    request_id: RequestId | None = None
    ignored: Ignored | None = None
    timestamp: Moment | None = None
    """Of a content: when it was written, ISO 8601 with zone."""
    received_at: Moment | None = None
    """Of a content: when it first entered Kafka."""
    opened_ticket_id: Id | None = None
    """The ticket that was opened or reopened for a content: it is discarded if it stays empty."""


class MessagesMoved(Event):
    """The messages of the ticket `fromTicketId` were moved to the ticket `ticketId`."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.moved"
    writers: ClassVar[Roles] = ("messages",)
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    ticket_id: TicketId
    from_ticket_id: Id
    """The ticket that they were in before."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"


class MessagesSeen(Event):
    """A user has seen the messages of `ticketId`: they are read."""

    topic: ClassVar[str] = "message.stored"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "message.seen"
    writers: ClassVar[Roles] = ("messages",)
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    ticket_id: TicketId

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"


class MessageSend(ConversationEvent):
    """A message to send on a line, once per `sendId`, and not after `expiresAt`.

    The send result goes to `message.answered`, as `message.sent` or `message.failed`. With `change`
    nothing new is sent: a message is edited, deleted, reacted to or marked as read.
    """

    topic: ClassVar[str] = "message.send"
    type: ClassVar[str] = "message.send"
    writers: ClassVar[Roles] = ("messages", "campaigns")
    readers: ClassVar[Roles] = ("messages", GATEWAY)

    send_id: SendId
    body: Text
    """The text, the caption of the file, what a template says, or the new text of an edit."""
    expires_at: Moment
    """Not to be sent after this time: ISO 8601 with zone."""
    campaign_id: CampaignId | None = None
    jid: Token | None = None
    """The address to send to, if it is more precise than `chat`."""
    media_url: MediaUrl | None = None
    media_type: Name | None = None
    """`image`, `video` or `audio`; any other value means document."""
    file_name: FileName | None = None
    mime_type: MimeType | None = None
    quoted_wid: QuotedWid | None = None
    message_id: Id | None = None
    """The row of the message, `"Messages".id`, if it has one."""
    template: MessageTemplate | None = None
    """A message template, for gateways that can send it; others send the body."""
    buttons: Buttons | None = None
    """Up to 3 buttons below the body."""
    option_list: OptionList | None = Field(None, alias="list")
    """A list below the body."""
    change: SendChange | None = None
    """What to change, instead of sending a message."""

    @property
    def is_free_text(self) -> bool:
        """Whether WhatsApp's window of 24 hours applies: not to templates, reactions, receipts."""
        return self.template is None and self.change is None
