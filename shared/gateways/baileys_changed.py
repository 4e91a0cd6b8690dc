"""An older message to which something happened, with the events that can tell it."""

from dataclasses import dataclass
from typing import Any

from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.gateways.baileys_key import MessageKey
from shared.gateways.line import Line, Time


@dataclass(frozen=True, slots=True)
class Changed:
    """The message `wid`; `key` is of what told the change: whose chat it is, and who did it."""

    line: Line
    key: MessageKey
    wid: str
    time: Time

    def acked(self, ack: int, code: str | None = None, error: str | None = None) -> MessageAcked:
        """Tell that our message came so far; in a group, to the key's author."""
        return MessageAcked(
            **self._shared,
            ack=ack,
            participant=self._participant(),
            error_code=code,
            error=error,
        )

    def edited(self, body: str, *, is_by_key: bool = False) -> MessageEdited:
        """Tell that its words are others now; `is_by_key` where the key says who did it."""
        return MessageEdited(
            **self._shared,
            body=body,
            from_me=self.key.from_me if is_by_key else None,
        )

    def deleted(self, *, is_by_key: bool = False) -> MessageDeleted:
        """Tell that it is taken back for everybody; `is_by_key` where the key says by whom."""
        return MessageDeleted(
            **self._shared,
            from_me=self.key.from_me if is_by_key else None,
        )

    def reacted(self, emoji: str) -> MessageReacted:
        """Tell that the key's author gave it an emoji, or took that back."""
        return MessageReacted(
            **self._shared,
            emoji=emoji,
            from_me=self.key.from_me,
            participant=self._participant(),
        )

    def read(self) -> MessageRead:
        """Tell that we read the chat up to it."""
        return MessageRead(
            **self._shared,
        )

    @property
    def _shared(self) -> dict[str, Any]:
        return {
            "company_id": self.line.company_id,
            "whatsapp_id": self.line.whatsapp_id,
            "chat": self.key.chat.canonical,
            "wid": self.wid,
            "timestamp": self.time.at,
            "timestamp_estimated": self.time.is_estimated,
        }

    def _participant(self) -> str | None:
        return self.key.author.canonical if self.key.author else None
