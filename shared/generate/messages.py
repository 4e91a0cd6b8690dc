"""Turns drafts into rows of "Messages" and of what belongs to them, in the order of their times."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.generate import rows, words
from shared.generate.chunks import Chunk, Ids
from shared.generate.conversations import TEXT, Draft
from shared.generate.dice import Dice
from shared.generate.times import to_datetime

# Of our messages: failed, on the server, delivered, read.
ACKS: Final = (-1, 1, 2, 3)
ACK_WEIGHTS: Final = (1, 3, 16, 80)
DELIVERED: Final = 2
FAILED: Final = -1
FAILURE: Final = ("131026", "Message undeliverable")  # Meta's code, and its words
CHANGED_SHARE: Final = 0.02
CHANGES: Final = ("reaction", "edited", "deleted", "forwarded")
CHANGE_WEIGHTS: Final = (50, 15, 15, 20)


@dataclass(frozen=True, slots=True)
class Chat:
    """Where messages belong: the ticket with its attendance, and the addresses of its contact."""

    company_id: int
    line_id: int
    ticket_id: int
    attendance_id: int
    contact_id: int
    remote_jid: str
    identity: str


@dataclass(frozen=True, slots=True)
class Author:
    """The participant of a group who wrote a message."""

    contact_id: int
    jid: str
    identity: str


Placed = tuple[float, int, Draft, Chat, Author | None]


class MessageBuilder:
    """Builds the rows of messages."""

    def __init__(self, dice: Dice, ids: Ids) -> None:
        self._dice, self._ids = dice, ids
        self._placed: list[Placed] = []

    def place(self, drafts: Iterable[Draft], chat: Chat, author: Author | None = None) -> None:
        """Take the drafts of a chat, to be built with those of other chats."""
        self._placed += [
            (draft.at, number, draft, chat, author)
            for number, draft in enumerate(drafts, start=len(self._placed))
        ]

    def build(self, chunk: Chunk) -> None:
        """Add all messages to a chunk, in the order of their times."""
        self._placed.sort(key=lambda placed: placed[:2])
        for _, _, draft, chat, author in self._placed:
            self._add(chunk, draft, chat, author)
        self._placed.clear()

    def _add(self, chunk: Chunk, draft: Draft, chat: Chat, author: Author | None) -> None:
        dice = self._dice
        draft.message_id = self._ids.take(rows.MessageRow)
        is_ours, at = draft.is_from_me, to_datetime(draft.at)
        wid = f"3EB0{dice.hexadecimal(18)}" if is_ours else f"AC{dice.hexadecimal(30)}"
        ack = dice.choices(ACKS, ACK_WEIGHTS)[0] if is_ours else DELIVERED
        change = self._choose_change() if ack != FAILED and draft.media_type == TEXT else None
        url = f"https://media.example.com/{chat.company_id}/{draft.file_name}"
        chunk.rows[rows.MessageRow].append(
            rows.MessageRow(
                id=draft.message_id,
                companyId=chat.company_id,
                body=draft.body,
                ack=ack,
                read=draft.is_read,
                mediaType=draft.media_type,
                mediaUrl=url if draft.file_name else None,
                ticketId=chat.ticket_id,
                fromMe=is_ours,
                isDeleted=change == "deleted",
                contactId=None if is_ours else author.contact_id if author else chat.contact_id,
                remoteJid=chat.remote_jid,
                dataJson=_build_data_json(draft, chat, wid),
                participant=author.jid if author and not is_ours else None,
                queueId=draft.queue_id,
                ticketTrakingId=chat.attendance_id,
                quotedMsgId=draft.quoted.message_id if draft.quoted else None,
                wid=wid,
                isEdited=change == "edited",
                isForwarded=change == "forwarded",
                messageId=wid,
                whatsappId=chat.line_id,
                createdAt=at,
                updatedAt=to_datetime(draft.at + dice.random() * 3),
            )
        )
        if ack == FAILED:
            chunk.add(rows.MarkRow(chat.company_id, draft.message_id, None, *FAILURE))
        if change == "edited":
            edited_at = to_datetime(draft.at + 2)
            chunk.add(rows.MarkRow(chat.company_id, draft.message_id, edited_at, None, None))
        if change == "reaction":
            chunk.add(self._build_reaction(draft, chat, author))

    def _choose_change(self) -> str | None:
        if not self._dice.happens(CHANGED_SHARE):
            return None
        return self._dice.choices(CHANGES, CHANGE_WEIGHTS)[0]

    def _build_reaction(self, draft: Draft, chat: Chat, author: Author | None) -> rows.ReactionRow:
        """Build a reaction of the other side; its author is empty for the line itself."""
        identity = author.identity if author else chat.identity
        return rows.ReactionRow(
            companyId=chat.company_id,
            messageId=draft.message_id,
            author=identity if draft.is_from_me else "",
            emoji=self._dice.choice(words.EMOJIS),
            reactedAt=to_datetime(draft.at + 2),
        )


def _build_data_json(draft: Draft, chat: Chat, wid: str) -> str:
    """Build what a gateway sends, in the form of Baileys."""
    text = json.dumps(draft.body, ensure_ascii=False)
    from_me = "true" if draft.is_from_me else "false"
    content = f'"conversation":{text}'
    if draft.file_name:
        content = f'"{draft.media_type}Message":{{"caption":{text}}}'
    return (
        f'{{"key":{{"remoteJid":"{chat.remote_jid}","fromMe":{from_me},"id":"{wid}"}},'
        f'"message":{{{content}}},"messageTimestamp":{int(draft.at)}}}'
    )
