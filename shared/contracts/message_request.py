"""Requests to the messages service."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from shared.contracts.base import Id, Moment, Name, Request, Text, Token, build_conversation_key

LONGEST_TEXT = 65_536  # characters, the limit of WhatsApp for one message
Link = Annotated[Text, Field(max_length=2_048, pattern=r"^https?://[^\s]+$")]


class MessageCompose(Request):
    """A message to store in a ticket and to send before `expiresAt` (by default, in an hour).

    It belongs to the given ticket, by default to the conversation's ticket that is not closed, and
    is sent to the address that the customer wrote from. A private note (`isPrivate`) is stored and
    never sent. `timestamp` is when it was written, by default when it is stored. `mediaType` is as
    in "Messages", `mediaUrl` a link that the gateway can fetch.
    """

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "message.compose"

    whatsapp_id: Id
    chat: Token
    ticket_id: Id | None = None
    body: Annotated[Text, Field(max_length=LONGEST_TEXT)] = ""
    media_url: Link | None = None
    media_type: Name | None = None
    quoted_wid: Token | None = None
    is_private: bool = False
    timestamp: Moment | None = None
    expires_at: Moment | None = None
    campaign_id: Id | None = None
    user_id: Id | None = None

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
