"""Requests to the messages service."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
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
)
from shared.contracts.members import LONGEST_TEXT, CampaignId, QuotedWid, WhatsappId

WEB_ADDRESS = r"^https?://[^\s]+$"
Link = Annotated[Text, Field(max_length=2_048, pattern=WEB_ADDRESS)]


class MessageCompose(Request):
    """A message to store in a ticket and to send before `expiresAt` (by default, in an hour).

    It needs a `body` or a `mediaUrl`, and is sent to the address that the customer wrote from. The
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

    @model_validator(mode="after")
    def _require_content(self) -> Self:
        if not (self.body.strip() or self.media_url):
            msg = "a message needs a body or a mediaUrl"
            raise ValueError(msg)
        return self

    @property
    @override
    def key(self) -> str:
        return build_conversation_key(self.company_id, self.whatsapp_id, self.chat)
