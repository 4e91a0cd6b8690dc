"""Builds the events for changes of an older message."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.gateways.normalize.line import Line, Time
from shared.gateways.proto_message.key import MessageKey


class _ChangeFields(TypedDict):
    company_id: int
    whatsapp_id: int
    chat: str
    wid: str
    timestamp: datetime
    timestamp_estimated: bool


@dataclass(frozen=True, slots=True)
class ChangedMessage:
    """The message `wid` that changed; `key` is of the change: its chat and its author."""

    line: Line
    key: MessageKey
    wid: str
    time: Time

    def build_ack(
        self, ack: int, code: str | None = None, error: str | None = None
    ) -> MessageAcked:
        """Build the new ack of our message; in a group, for the key's author."""
        return MessageAcked(
            **self._fields,
            ack=ack,
            participant=self._participant(),
            error_code=code,
            error=error,
        )

    def build_edit(self, body: str, *, is_by_key: bool = False) -> MessageEdited:
        """Build an edit; `is_by_key` if the key says who did it."""
        return MessageEdited(
            **self._fields,
            body=body,
            from_me=self.key.from_me if is_by_key else None,
        )

    def build_deletion(self, *, is_by_key: bool = False) -> MessageDeleted:
        """Build a deletion for everybody; `is_by_key` if the key says who did it."""
        return MessageDeleted(
            **self._fields,
            from_me=self.key.from_me if is_by_key else None,
        )

    def build_reaction(self, emoji: str) -> MessageReacted:
        """Build the reaction of the key's author; an empty emoji removes it."""
        return MessageReacted(
            **self._fields,
            emoji=emoji,
            from_me=self.key.from_me,
            participant=self._participant(),
        )

    def build_read(self) -> MessageRead:
        """Build the fact that we read the chat up to this message."""
        return MessageRead(
            **self._fields,
        )

    @property
    def _fields(self) -> _ChangeFields:
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
