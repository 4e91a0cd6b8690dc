"""Requests to the messages service."""

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from shared.contracts.base import (
    BACK_OFFICE,
    Id,
    Moment,
    Name,
    Request,
    Roles,
    Text,
    Token,
    build_conversation_key,
    name_user,
)
from shared.contracts.members import (
    LONGEST_TEXT,
    CampaignId,
    FileName,
    MimeType,
    QuotedWid,
    WhatsappId,
)
from shared.contracts.message_content import (
    Buttons,
    Emoji,
    Link,
    MessageTemplate,
    OptionList,
    check_content,
    check_visible,
)
from shared.contracts.meta_rules import check_emoji, check_template


class MessageCompose(Request):
    """A message to store in a ticket and to send before `expiresAt` (by default, in an hour).

    It has a `body`, a `mediaUrl`, a `template`, or a `body` with `buttons` or a `list`, and is sent
    to the address that the customer wrote from. The
    answer is message.stored or message.refused on message.stored with the same `requestId`.
    """

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "message.compose"
    writers: ClassVar[Roles] = (BACK_OFFICE, "tickets")
    readers: ClassVar[Roles] = ("messages",)

    whatsapp_id: WhatsappId
    chat: Token
    """The chat: a number's digits, a group's id, `…@lid` or Meta's user id (BSUID)."""
    ticket_id: Id | None = None
    """Its ticket, also a closed one; by default the conversation's ticket that is not closed."""
    body: Annotated[Text, Field(max_length=LONGEST_TEXT)] = ""
    """The text, or the caption of the file."""
    media_url: Link | None = None
    """Where the gateway can fetch the file."""
    media_type: Name | None = None
    """`image`, `video` or `audio`; any other value means document."""
    file_name: FileName | None = None
    mime_type: MimeType | None = None
    quoted_wid: QuotedWid | None = None
    is_private: bool = False
    """A note: it is stored and never sent."""
    timestamp: Moment | None = None
    """When it was written, ISO 8601 with zone; by default when it is stored."""
    expires_at: Moment | None = None
    """Not sent after this time, ISO 8601 with zone; by default an hour later."""
    campaign_id: CampaignId | None = None
    user_id: Id | None = None
    """The user who wrote it, `"Users".id`."""
    template: Annotated[MessageTemplate, AfterValidator(check_template)] | None = None
    """A message template of WhatsApp, instead of a body."""
    buttons: Buttons | None = None
    """Up to 3 buttons below the body."""
    option_list: OptionList | None = Field(None, alias="list")
    """A list below the body."""

    @model_validator(mode="after")
    def _require_content(self) -> Self:
        check_content(self.body, self.media_url, self.template, self.buttons, self.option_list)
        if self.is_private and (self.template or self.buttons or self.option_list):
            msg = "a private note has no template, buttons or list"
            raise ValueError(msg)
        return self

    @property
    @override
    def key(self) -> str:
        return build_conversation_key(self.company_id, self.whatsapp_id, self.chat)

    @property
    @override
    def asked_by(self) -> str | None:
        return name_user(self.user_id)


class MessageChangeRequest(Request):
    """A request to change a stored message at its gateway.

    The message is named by its `wid` or by its `messageId`. Its row changes when the gateway has
    done it. The answer then is message.updated, or message.refused with a reason, with the same
    `requestId`.
    """

    topic: ClassVar[str] = "messages.requests"
    writers: ClassVar[Roles] = (BACK_OFFICE,)
    readers: ClassVar[Roles] = ("messages",)

    whatsapp_id: WhatsappId
    chat: Token
    """Its chat: a number's digits, a group's id, `…@lid` or Meta's user id (BSUID)."""
    wid: Token | None = None
    """WhatsApp's id of the message; also the one that it had before it was sent."""
    message_id: Id | None = None
    """The row of the message, `"Messages".id`, instead of `wid`."""
    timestamp: Moment | None = None
    """When it was asked for, ISO 8601 with zone; by default when the request is applied."""
    expires_at: Moment | None = None
    """The gateway is not asked after this time, ISO 8601 with zone; by default an hour later."""
    user_id: Id | None = None
    """The user who asks for it, `"Users".id`."""

    @model_validator(mode="after")
    def _require_one_name(self) -> Self:
        if (self.wid is None) == (self.message_id is None):
            msg = "name the message either by wid or by messageId"
            raise ValueError(msg)
        return self

    @property
    @override
    def key(self) -> str:
        return build_conversation_key(self.company_id, self.whatsapp_id, self.chat)

    @property
    @override
    def asked_by(self) -> str | None:
        return name_user(self.user_id)


class MessageReact(MessageChangeRequest):
    """React to a message, or remove our reaction."""

    type: ClassVar[str] = "message.react"

    emoji: Annotated[Emoji, AfterValidator(check_emoji)] = ""
    """The reaction, one emoji; empty: ours is removed."""


class MessageEdit(MessageChangeRequest):
    """Replace the text, or the caption, of one of our messages."""

    type: ClassVar[str] = "message.edit"

    body: Annotated[
        Text, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(check_visible)
    ]
    """The new text."""


class MessageDelete(MessageChangeRequest):
    """Delete a message for everyone: ours, or in a group any, if the line is an admin."""

    type: ClassVar[str] = "message.delete"


class MessageMarkRead(MessageChangeRequest):
    """Tell the customer that their message was read (the blue ticks), and mark it as read."""

    type: ClassVar[str] = "message.markRead"
