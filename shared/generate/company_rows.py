"""The rows of companies from their beginning: one named tuple per table, as in `rows`."""

from datetime import datetime
from typing import NamedTuple


class PlanRow(NamedTuple):
    """A row of "Plans"."""

    id: int
    name: str
    users: int
    connections: int
    queues: int
    amount: str
    createdAt: datetime
    updatedAt: datetime


class CompanyRow(NamedTuple):
    """A row of "Companies"."""

    id: int
    name: str
    phone: str
    email: str
    planId: int
    document: str
    dueDate: datetime
    timezone: str
    createdAt: datetime
    updatedAt: datetime


class SettingRow(NamedTuple):
    """A row of "Settings"."""

    id: int
    companyId: int
    key: str
    value: str
    createdAt: datetime
    updatedAt: datetime


class CompaniesSettingsRow(NamedTuple):
    """A row of "CompaniesSettings"."""

    id: int
    companyId: int
    hoursCloseTicketsAuto: str
    chatBotType: str
    acceptCallWhatsapp: str
    userRandom: str
    sendGreetingMessageOneQueues: str
    sendSignMessage: str
    sendFarewellWaitingTicket: str
    userRating: str
    sendGreetingAccepted: str
    CheckMsgIsGroup: str
    sendQueuePosition: str
    scheduleType: str
    acceptAudioMessageContact: str
    enableLGPD: str
    requiredTag: str
    lgpdDeleteMessage: str
    lgpdHideNumber: str
    lgpdConsent: str
    lgpdMessage: str
    createdAt: datetime
    updatedAt: datetime


class UserRow(NamedTuple):
    """A row of "Users"."""

    id: int
    companyId: int
    name: str
    email: str
    passwordHash: str
    profile: str
    createdAt: datetime
    updatedAt: datetime


class QueueRow(NamedTuple):
    """A row of "Queues"."""

    id: int
    companyId: int
    name: str
    color: str
    orderQueue: int
    createdAt: datetime
    updatedAt: datetime


class LineRow(NamedTuple):
    """A row of "Whatsapps"."""

    id: int
    companyId: int
    name: str
    status: str
    isDefault: bool
    number: str
    channel: str
    greetingMessage: str
    complationMessage: str
    ratingMessage: str
    allowGroup: bool
    groupAsTicket: str
    maxUseBotQueuesNPS: int
    expiresTicketNPS: str
    createdAt: datetime
    updatedAt: datetime


class UserQueueRow(NamedTuple):
    """A row of "UserQueues"."""

    companyId: int
    userId: int
    queueId: int
    createdAt: datetime
    updatedAt: datetime


class LineQueueRow(NamedTuple):
    """A row of "WhatsappQueues"."""

    companyId: int
    whatsappId: int
    queueId: int
    createdAt: datetime
    updatedAt: datetime


class ConnectionRow(NamedTuple):
    """A row of "GatewayConnections"."""

    id: int
    companyId: int
    whatsappId: int
    gateway: str
    instance: str
    createdAt: datetime
    updatedAt: datetime


class LineStateRow(NamedTuple):
    """A row of "LineStates"."""

    companyId: int
    whatsappId: int
    changedAt: datetime


class TagRow(NamedTuple):
    """A row of "Tags"."""

    id: int
    companyId: int
    name: str
    color: str
    kanban: int
    createdAt: datetime
    updatedAt: datetime


class QuickMessageRow(NamedTuple):
    """A row of "QuickMessages"."""

    id: int
    companyId: int
    shortcode: str
    message: str
    userId: int
    geral: bool
    createdAt: datetime
    updatedAt: datetime
