"""The rows that are generated: one named tuple per table, whose fields are the columns.

Columns that are not here get the database's defaults.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from shared.generate.company_rows import (
    CompaniesSettingsRow,
    CompanyRow,
    ConnectionRow,
    LineQueueRow,
    LineRow,
    LineStateRow,
    PlanRow,
    QueueRow,
    QuickMessageRow,
    SettingRow,
    TagRow,
    UserQueueRow,
    UserRow,
)


class ContactRow(NamedTuple):
    """A row of "Contacts"."""

    id: int
    companyId: int
    name: str
    number: str | None
    email: str
    isGroup: bool
    active: bool
    remoteJid: str | None
    lgpdAcceptedAt: datetime | None
    whatsappId: int
    lid: str | None
    jid: str | None
    mergedIntoContactId: int | None
    createdAt: datetime
    updatedAt: datetime
    source: str = "auto_created"  # as those that workers insert for a message
    isInAgenda: bool = False


class LidNumberRow(NamedTuple):
    """A row of "LidNumbers"."""

    companyId: int
    lid: str
    number: str
    numberAt: datetime
    updatedAt: datetime


class ContactTagRow(NamedTuple):
    """A row of "ContactTags"."""

    companyId: int
    contactId: int
    tagId: int
    createdAt: datetime
    updatedAt: datetime


class WalletRow(NamedTuple):
    """A row of "ContactWallets"."""

    id: int
    companyId: int
    walletId: int
    contactId: int
    createdAt: datetime
    updatedAt: datetime


class CustomFieldRow(NamedTuple):
    """A row of "ContactCustomFields"."""

    id: int
    companyId: int
    name: str
    value: str
    contactId: int
    createdAt: datetime
    updatedAt: datetime


class TicketRow(NamedTuple):
    """A row of "Tickets"."""

    id: int
    companyId: int
    status: str
    lastMessage: str | None
    contactId: int
    userId: int | None
    whatsappId: int
    isGroup: bool
    unreadMessages: int
    queueId: int | None
    uuid: UUID
    isBot: bool
    amountUsedBotQueues: int
    fromMe: bool
    amountUsedBotQueuesNPS: int
    lgpdAcceptedAt: datetime | None
    lgpdSendMessageAt: datetime | None
    isActiveDemand: bool
    closedAt: datetime | None
    lid: str | None
    jid: str | None
    createdAt: datetime
    updatedAt: datetime


class AttendanceRow(NamedTuple):
    """A row of "TicketTraking"."""

    id: int
    companyId: int
    ticketId: int
    whatsappId: int
    userId: int | None
    queueId: int | None
    chatbotAt: datetime | None
    queuedAt: datetime | None
    startedAt: datetime | None
    closedAt: datetime | None
    finishedAt: datetime | None
    ratingAt: datetime | None
    rated: bool
    createdAt: datetime
    updatedAt: datetime


class MessageRow(NamedTuple):
    """A row of "Messages"."""

    id: int
    companyId: int
    body: str
    ack: int
    read: bool
    mediaType: str
    mediaUrl: str | None
    ticketId: int
    fromMe: bool
    isDeleted: bool
    contactId: int | None
    remoteJid: str
    dataJson: str
    participant: str | None
    queueId: int | None
    ticketTrakingId: int
    quotedMsgId: int | None
    wid: str
    isEdited: bool
    isForwarded: bool
    messageId: str
    whatsappId: int
    createdAt: datetime
    updatedAt: datetime


class MarkRow(NamedTuple):
    """A row of "MessageMarks"."""

    companyId: int
    messageId: int
    editedAt: datetime | None
    errorCode: str | None
    error: str | None


class ReactionRow(NamedTuple):
    """A row of "Reactions"."""

    companyId: int
    messageId: int
    author: str
    emoji: str
    reactedAt: datetime


class LogRow(NamedTuple):
    """A row of "LogTickets"."""

    id: int
    companyId: int
    userId: int | None
    ticketId: int
    queueId: int | None
    type: str
    createdAt: datetime
    updatedAt: datetime


class RatingRow(NamedTuple):
    """A row of "UserRatings"."""

    id: int
    companyId: int
    ticketId: int
    userId: int | None
    rate: int
    createdAt: datetime
    updatedAt: datetime


class NoteRow(NamedTuple):
    """A row of "TicketNotes"."""

    id: int
    companyId: int
    note: str
    userId: int
    contactId: int
    ticketId: int
    createdAt: datetime
    updatedAt: datetime


class TicketTagRow(NamedTuple):
    """A row of "TicketTags"."""

    companyId: int
    ticketId: int
    tagId: int
    createdAt: datetime
    updatedAt: datetime


# Parents before children, as foreign keys want it.
TABLES: Final[dict[type[Any], str]] = {
    PlanRow: "Plans",
    CompanyRow: "Companies",
    SettingRow: "Settings",
    CompaniesSettingsRow: "CompaniesSettings",
    UserRow: "Users",
    QueueRow: "Queues",
    LineRow: "Whatsapps",
    UserQueueRow: "UserQueues",
    LineQueueRow: "WhatsappQueues",
    ConnectionRow: "GatewayConnections",
    LineStateRow: "LineStates",
    TagRow: "Tags",
    QuickMessageRow: "QuickMessages",
    ContactRow: "Contacts",
    LidNumberRow: "LidNumbers",
    ContactTagRow: "ContactTags",
    WalletRow: "ContactWallets",
    CustomFieldRow: "ContactCustomFields",
    TicketRow: "Tickets",
    AttendanceRow: "TicketTraking",
    MessageRow: "Messages",
    MarkRow: "MessageMarks",
    ReactionRow: "Reactions",
    LogRow: "LogTickets",
    RatingRow: "UserRatings",
    NoteRow: "TicketNotes",
    TicketTagRow: "TicketTags",
}
