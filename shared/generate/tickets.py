"""Turns conversations into the rows of their tickets."""

from datetime import datetime
from typing import Final
from uuid import UUID

from shared.generate import rows, words
from shared.generate.chunks import Chunk, Ids
from shared.generate.companies import Company, Line
from shared.generate.contacts import dice_delay
from shared.generate.conversations import CLOSED, Conversation
from shared.generate.dice import Dice
from shared.generate.messages import Chat
from shared.generate.people import Person
from shared.generate.times import to_datetime
from shared.generate.words import Texts

TAG_SHARE: Final = 0.25
NOTE_SHARE: Final = 0.05


class TicketBuilder:
    """Builds the rows of tickets."""

    def __init__(self, dice: Dice, ids: Ids, texts: Texts) -> None:
        self._dice, self._ids, self._texts = dice, ids, texts

    def add(
        self, chunk: Chunk, company: Company, contact_id: int, person: Person, told: Conversation
    ) -> Chat:
        """Add the ticket of a conversation; return where its messages belong."""
        chat = Chat(
            company_id=company.id,
            line_id=company.get_line(person.line).id,
            ticket_id=self._ids.take(rows.TicketRow),
            attendance_id=self._ids.take(rows.AttendanceRow),
            contact_id=contact_id,
            remote_jid=person.remote_jid,
            identity=person.chat,
        )
        delay = dice_delay(self._dice)
        self._add_ticket(chunk, chat, person, told, delay)
        self._add_attendance(chunk, chat, told, delay)
        for log in told.logs:
            self._add_log(chunk, chat, log.at + delay, log.type, log.user_id, log.queue_id)
        if told.rate is not None:
            self._add_rating(chunk, chat, told, delay)
        self._add_dependents(chunk, company, chat, told)
        return chat

    def add_group(
        self, chunk: Chunk, chat: Chat, line: Line, company: Company, begun_at: float
    ) -> None:
        """Add the ticket of a group; a later update sets its last message and unread count."""
        created_at = to_datetime(begun_at + dice_delay(self._dice))
        is_open = line.has_group_tickets
        user_id = self._dice.choice(company.users) if is_open else None
        queue_id = self._dice.choice(company.queues) if is_open else None
        chunk.add(
            rows.TicketRow(
                id=chat.ticket_id,
                companyId=chat.company_id,
                status="open" if is_open else "group",
                lastMessage=None,
                contactId=chat.contact_id,
                userId=user_id,
                whatsappId=chat.line_id,
                isGroup=True,
                unreadMessages=0,
                queueId=queue_id,
                uuid=self._make_uuid(),
                isBot=False,
                amountUsedBotQueues=0,
                fromMe=False,
                amountUsedBotQueuesNPS=0,
                lgpdAcceptedAt=None,
                lgpdSendMessageAt=None,
                isActiveDemand=False,
                closedAt=None,
                lid=None,
                jid=None,
                createdAt=created_at,
                updatedAt=created_at,
            )
        )
        at = created_at if is_open else None
        chunk.add(
            rows.AttendanceRow(
                id=chat.attendance_id,
                companyId=chat.company_id,
                ticketId=chat.ticket_id,
                whatsappId=chat.line_id,
                userId=user_id,
                queueId=queue_id,
                chatbotAt=None,
                queuedAt=at,
                startedAt=at,
                closedAt=None,
                finishedAt=None,
                ratingAt=None,
                rated=False,
                createdAt=created_at,
                updatedAt=created_at,
            )
        )
        self._add_log(chunk, chat, begun_at, "create", None, None)

    def _add_ticket(
        self, chunk: Chunk, chat: Chat, person: Person, told: Conversation, delay: float
    ) -> None:
        is_live = told.status != CLOSED
        last = told.drafts[-1]
        chunk.rows[rows.TicketRow].append(
            rows.TicketRow(
                id=chat.ticket_id,
                companyId=chat.company_id,
                status=told.status,
                lastMessage=last.shown,
                contactId=chat.contact_id,
                userId=told.user_id,
                whatsappId=chat.line_id,
                isGroup=False,
                unreadMessages=told.unread,
                queueId=told.queue_id,
                uuid=self._make_uuid(),
                isBot=not told.is_own_demand,
                amountUsedBotQueues=told.bot_questions,
                fromMe=last.is_from_me,
                amountUsedBotQueuesNPS=int(any(log.type == "nps" for log in told.logs)),
                lgpdAcceptedAt=_convert(told.consented_at, delay),
                lgpdSendMessageAt=_convert(told.consent_asked_at, delay),
                isActiveDemand=told.is_own_demand,
                closedAt=_convert(told.finished_at, delay),
                lid=person.lid if is_live else None,
                jid=person.jid if is_live else None,
                createdAt=to_datetime(told.begun_at + delay),
                updatedAt=to_datetime(told.ended_at + delay),
            )
        )

    def _add_attendance(self, chunk: Chunk, chat: Chat, told: Conversation, delay: float) -> None:
        chunk.rows[rows.AttendanceRow].append(
            rows.AttendanceRow(
                id=chat.attendance_id,
                companyId=chat.company_id,
                ticketId=chat.ticket_id,
                whatsappId=chat.line_id,
                userId=told.user_id,
                queueId=told.queue_id,
                chatbotAt=_convert(told.chatbot_at, delay),
                queuedAt=_convert(told.queued_at, delay),
                startedAt=_convert(told.started_at, delay),
                closedAt=_convert(told.closed_at, delay),
                finishedAt=_convert(told.finished_at, delay),
                ratingAt=_convert(told.rating_at, delay),
                rated=told.rate is not None,
                createdAt=to_datetime(told.begun_at + delay),
                updatedAt=to_datetime(told.ended_at + delay),
            )
        )

    def _add_log(
        self, chunk: Chunk, chat: Chat, at: float, kind: str, user_id: int | None,
        queue_id: int | None,
    ) -> None:  # fmt: skip
        log_id, time = self._ids.take(rows.LogRow), to_datetime(at)
        chunk.rows[rows.LogRow].append(
            rows.LogRow(
                log_id, chat.company_id, user_id, chat.ticket_id, queue_id, kind, time, time
            )
        )

    def _add_rating(self, chunk: Chunk, chat: Chat, told: Conversation, delay: float) -> None:
        at = to_datetime((told.rating_at or told.ended_at) + delay)
        chunk.add(
            rows.RatingRow(
                id=self._ids.take(rows.RatingRow),
                companyId=chat.company_id,
                ticketId=chat.ticket_id,
                userId=told.user_id,
                rate=told.rate or 0,
                createdAt=at,
                updatedAt=at,
            )
        )

    def _add_dependents(
        self, chunk: Chunk, company: Company, chat: Chat, told: Conversation
    ) -> None:
        if told.started_at is None or told.user_id is None:
            return
        dice, at = self._dice, to_datetime(told.started_at + 1)
        if dice.happens(TAG_SHARE):
            chosen = dice.sample(company.tags, dice.choice((1, 1, 1, 2)))
            for tag_id in chosen:
                chunk.add(rows.TicketTagRow(company.id, chat.ticket_id, tag_id, at, at))
        if dice.happens(NOTE_SHARE):
            note = self._texts.fill(dice.choice(words.NOTES))
            chunk.add(
                rows.NoteRow(
                    id=self._ids.take(rows.NoteRow),
                    companyId=company.id,
                    note=note,
                    userId=told.user_id,
                    contactId=chat.contact_id,
                    ticketId=chat.ticket_id,
                    createdAt=at,
                    updatedAt=at,
                )
            )

    def _make_uuid(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128), version=4)


def _convert(at: float | None, delay: float) -> datetime | None:
    return None if at is None else to_datetime(at + delay)
