"""The tables that the tickets service writes."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    Blank,
    CompanyRow,
    Json,
    Jsonb,
    LongText,
    Now,
    Off,
    On,
    TenantRow,
    Timestamped,
    WithId,
    Zero,
    belongs_to,
    index,
    index_where_set,
    parent_key,
    refers_to,
    unique,
    unique_where,
)
from shared.schema.ranges import RANGE, RETENTION_DAYS


class Company(WithId, Timestamped, Base):
    """A tenant; all rows with its id are deleted with it."""

    __tablename__ = "Companies"
    __table_args__ = (
        unique("name"),
        index_where_set("planId"),
    )

    name: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    planId: Mapped[int | None] = mapped_column(ForeignKey("Plans.id", ondelete="SET NULL"))
    status: Mapped[On | None]
    schedules: Mapped[Jsonb | None] = mapped_column(server_default="[]")
    dueDate: Mapped[datetime | None]
    recurrence: Mapped[Blank | None]
    document: Mapped[Blank | None]
    paymentMethod: Mapped[Blank | None]
    lastLogin: Mapped[datetime | None]
    folderSize: Mapped[str | None]
    numberFileFolder: Mapped[str | None]
    updatedAtFolder: Mapped[str | None]
    timezone: Mapped[str | None] = mapped_column(server_default="America/Sao_Paulo")


class Plan(WithId, Timestamped, Base):
    """A price plan: how many users, connections and queues a company may have."""

    __tablename__ = "Plans"
    __table_args__ = (unique("name"),)

    name: Mapped[str]
    users: Mapped[Zero | None]
    connections: Mapped[Zero | None]
    queues: Mapped[Zero | None]
    amount: Mapped[str | None]
    useFacebook: Mapped[On | None]
    useInstagram: Mapped[On | None]
    useWhatsapp: Mapped[On | None]
    useCampaigns: Mapped[On | None]
    useExternalApi: Mapped[On | None]
    useInternalChat: Mapped[On | None]
    useSchedules: Mapped[On | None]
    useKanban: Mapped[On | None]
    isPublic: Mapped[On]
    recurrence: Mapped[str | None]
    trial: Mapped[Off | None]
    trialDays: Mapped[Zero | None]
    useOpenAi: Mapped[On | None]
    useIntegrations: Mapped[On | None]
    currency: Mapped[str] = mapped_column(String(3), server_default="BRL", sort_order=3)


class Subscription(TenantRow, Base):
    """A subscription of a company at the payment provider."""

    __tablename__ = "Subscriptions"
    __table_args__ = (
        index("companyId"),
        index_where_set("planId"),
    )

    isActive: Mapped[Off | None]
    expiresAt: Mapped[datetime]
    userPriceCents: Mapped[int | None]
    whatsPriceCents: Mapped[int | None]
    lastInvoiceUrl: Mapped[str | None]
    lastPlanChange: Mapped[datetime | None]
    providerSubscriptionId: Mapped[str]
    planId: Mapped[int | None] = mapped_column(ForeignKey("Plans.id", ondelete="SET NULL"))


class Invoice(TenantRow, Base):
    """An invoice of a company for one period; `dueDate` is a date as text."""

    __tablename__ = "Invoices"
    __table_args__ = (index("companyId"),)

    dueDate: Mapped[str | None]
    detail: Mapped[str | None]
    status: Mapped[str | None]
    value: Mapped[float | None]
    users: Mapped[Zero | None]
    connections: Mapped[Zero | None]
    queues: Mapped[Zero | None]
    useWhatsapp: Mapped[On | None]
    useFacebook: Mapped[On | None]
    useInstagram: Mapped[On | None]
    useCampaigns: Mapped[On | None]
    useSchedules: Mapped[On | None]
    useInternalChat: Mapped[On | None]
    useExternalApi: Mapped[On | None]
    linkInvoice: Mapped[LongText | None] = mapped_column(server_default="")


class Partner(WithId, Timestamped, Base):
    """A reseller of the platform, with a commission."""

    __tablename__ = "Partners"
    __table_args__ = (
        unique("name"),
        unique("document"),
    )

    name: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    document: Mapped[str | None]
    commission: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    typeCommission: Mapped[str]
    walletId: Mapped[str]


class Setting(WithId, Timestamped, Base):
    """A setting of a company, or of the platform if there is no company."""

    __tablename__ = "Settings"
    __table_args__ = (unique("companyId", "key", nulls_are_equal=True),)

    key: Mapped[str]
    value: Mapped[LongText]
    companyId: Mapped[int | None] = mapped_column(ForeignKey("Companies.id", ondelete="CASCADE"))


class CompaniesSettings(TenantRow, Base):
    """The settings of a company about tickets, in one row. `translateApiKey` is a secret.

    Messages and closed tickets are kept for ever unless a number of days is set.
    """

    __tablename__ = "CompaniesSettings"
    __table_args__ = (unique("companyId"),)

    hoursCloseTicketsAuto: Mapped[str]
    chatBotType: Mapped[str]
    acceptCallWhatsapp: Mapped[str]
    userRandom: Mapped[str]
    sendGreetingMessageOneQueues: Mapped[str]
    sendSignMessage: Mapped[str]
    sendFarewellWaitingTicket: Mapped[str]
    userRating: Mapped[str]
    sendGreetingAccepted: Mapped[str]
    CheckMsgIsGroup: Mapped[str]
    sendQueuePosition: Mapped[str]
    scheduleType: Mapped[str]
    acceptAudioMessageContact: Mapped[str]
    enableLGPD: Mapped[str]
    sendMsgTransfTicket: Mapped[str] = mapped_column(server_default="disabled")
    requiredTag: Mapped[str]
    lgpdDeleteMessage: Mapped[str]
    lgpdHideNumber: Mapped[str]
    lgpdConsent: Mapped[str]
    lgpdLink: Mapped[str | None]
    lgpdMessage: Mapped[LongText | None]
    DirectTicketsToWallets: Mapped[Off | None]
    closeTicketOnTransfer: Mapped[Off | None]
    transferMessage: Mapped[LongText | None] = mapped_column(server_default="")
    greetingAcceptedMessage: Mapped[LongText | None] = mapped_column(server_default="")
    sendQueuePositionMessage: Mapped[LongText | None] = mapped_column(server_default="")
    AcceptCallWhatsappMessage: Mapped[LongText | None] = mapped_column(server_default="")
    showNotificationPending: Mapped[Off]
    overrideDefaultTimezone: Mapped[Off]
    createDemoUser: Mapped[str] = mapped_column(server_default="disabled", sort_order=3)
    autoTranslate: Mapped[str | None] = mapped_column(
        String(10), server_default="disabled", sort_order=3
    )
    translateApiKey: Mapped[str | None] = mapped_column(sort_order=3)
    messageRetentionDays: Mapped[int | None] = mapped_column(
        info={RANGE: RETENTION_DAYS}, sort_order=3
    )
    closedTicketRetentionDays: Mapped[int | None] = mapped_column(
        info={RANGE: RETENTION_DAYS}, sort_order=3
    )


class User(TenantRow, Base):
    """A person who works in a company; the e-mail address is unique among all companies."""

    __tablename__ = "Users"
    __table_args__ = (
        parent_key(),
        refers_to("whatsappId", "Whatsapps", closing=True),
        unique("email"),
        index_where_set("whatsappId"),
    )

    name: Mapped[str]
    email: Mapped[str]
    passwordHash: Mapped[str]
    profile: Mapped[str] = mapped_column(server_default="admin")
    tokenVersion: Mapped[Zero]
    super: Mapped[Off | None]
    online: Mapped[Off | None]
    endWork: Mapped[str | None] = mapped_column(server_default="23:59")
    startWork: Mapped[str | None] = mapped_column(server_default="00:00")
    color: Mapped[str | None]
    farewellMessage: Mapped[LongText | None]
    whatsappId: Mapped[int | None]
    allTicket: Mapped[str] = mapped_column(server_default="disable")
    allowGroup: Mapped[Off]
    defaultTheme: Mapped[str] = mapped_column(server_default="light")
    defaultMenu: Mapped[str] = mapped_column(server_default="closed")
    profileImage: Mapped[str | None]
    allHistoric: Mapped[str] = mapped_column(server_default="disabled")
    allUserChat: Mapped[str] = mapped_column(server_default="disabled")
    userClosePendingTicket: Mapped[str] = mapped_column(server_default="enabled")
    showDashboard: Mapped[str] = mapped_column(server_default="disabled")
    defaultTicketsManagerWidth: Mapped[int] = mapped_column(server_default="550")
    allowRealTime: Mapped[str] = mapped_column(server_default="disabled")
    allowConnections: Mapped[str] = mapped_column(server_default="disabled")
    language: Mapped[str] = mapped_column(server_default="pt-BR")
    resetPasswordToken: Mapped[str | None]
    resetPasswordExpires: Mapped[datetime | None]
    passwordResetToken: Mapped[str | None]
    passwordResetExpires: Mapped[datetime | None]
    canViewAllContacts: Mapped[Off]


class Queue(TenantRow, Base):
    """A department in which tickets wait."""

    __tablename__ = "Queues"
    __table_args__ = (
        parent_key(),
        refers_to("integrationId", "QueueIntegrations", closing=True),
        refers_to("fileListId", "Files", closing=True),
        unique("companyId", "name"),
        index_where_set("integrationId"),
        index_where_set("fileListId"),
    )

    name: Mapped[str]
    color: Mapped[str]
    greetingMessage: Mapped[LongText | None]
    schedules: Mapped[Jsonb | None] = mapped_column(server_default="[]")
    outOfHoursMessage: Mapped[LongText | None]
    orderQueue: Mapped[int | None]
    tempoRoteador: Mapped[Zero]
    ativarRoteador: Mapped[Off]
    integrationId: Mapped[int | None]
    fileListId: Mapped[int | None]
    closeTicket: Mapped[Off]


class QueueOption(TenantRow, Base):
    """An option of the old menu of queues; options form a tree."""

    __tablename__ = "QueueOptions"
    __table_args__ = (
        parent_key(),
        belongs_to("queueId", "Queues"),
        belongs_to("parentId", "QueueOptions"),
        index_where_set("queueId"),
        index_where_set("parentId"),
    )

    title: Mapped[str]
    message: Mapped[LongText | None]
    option: Mapped[LongText | None]
    queueId: Mapped[int | None]
    parentId: Mapped[int | None]


class UserQueue(CompanyRow, Timestamped, Base):
    """A queue of a user."""

    __tablename__ = "UserQueues"
    __table_args__ = (
        belongs_to("userId", "Users"),
        belongs_to("queueId", "Queues"),
        index("companyId", "queueId"),
    )

    userId: Mapped[int] = mapped_column(primary_key=True)
    queueId: Mapped[int] = mapped_column(primary_key=True)


class WhatsappQueue(CompanyRow, Timestamped, Base):
    """A queue of a line."""

    __tablename__ = "WhatsappQueues"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        belongs_to("queueId", "Queues"),
        index("companyId", "queueId"),
    )

    whatsappId: Mapped[int] = mapped_column(primary_key=True)
    queueId: Mapped[int] = mapped_column(primary_key=True)


class Ticket(TenantRow, Base):
    """A case of a conversation; at most one per contact and line is not closed.

    `updatedAt` only increases: it is the version of the ticket in facts.
    """

    __tablename__ = "Tickets"
    __table_args__ = (
        parent_key(),
        belongs_to("contactId", "Contacts"),
        refers_to("userId", "Users"),
        belongs_to("whatsappId", "Whatsapps"),
        refers_to("queueId", "Queues"),
        refers_to("queueOptionId", "QueueOptions"),
        refers_to("integrationId", "QueueIntegrations", closing=True),
        unique_where(
            "uq_Tickets_not_closed", "status <> 'closed'", "companyId", "whatsappId", "contactId"
        ),
        CheckConstraint(
            "status IN ('open', 'pending', 'closed', 'group', 'nps', 'lgpd')", name="status"
        ),
        CheckConstraint('"unreadMessages" >= 0', name="unreadMessages"),
        Index("idx_tickets_company", "companyId"),
        Index("idx_tickets_contact", "contactId"),
        Index("idx_tickets_status", "status"),
        Index("idx_tickets_user", "userId"),
        Index("idx_tickets_whatsapp", "whatsappId"),
        Index("idx_tickets_company_status", "companyId", "status"),
        index("uuid"),
        index_where_set("queueId"),
        index_where_set("queueOptionId"),
        index_where_set("integrationId"),
    )

    status: Mapped[str] = mapped_column(server_default="pending")
    lastMessage: Mapped[LongText | None]
    contactId: Mapped[int]
    userId: Mapped[int | None]
    whatsappId: Mapped[int]
    isGroup: Mapped[Off]
    unreadMessages: Mapped[Zero | None]
    queueId: Mapped[int | None]
    uuid: Mapped[UUID | None] = mapped_column(server_default=func.gen_random_uuid())
    chatbot: Mapped[Off | None]
    queueOptionId: Mapped[int | None]
    isBot: Mapped[Off | None]
    channel: Mapped[LongText | None] = mapped_column(server_default="whatsapp")
    amountUsedBotQueues: Mapped[Zero]
    fromMe: Mapped[Off]
    amountUsedBotQueuesNPS: Mapped[Zero]
    sendInactiveMessage: Mapped[Off]
    lgpdAcceptedAt: Mapped[datetime | None]
    lgpdSendMessageAt: Mapped[datetime | None]
    imported: Mapped[datetime | None]
    flowWebhook: Mapped[Off]
    lastFlowId: Mapped[str | None]
    dataWebhook: Mapped[Json | None]
    hashFlowId: Mapped[str | None]
    useIntegration: Mapped[Off | None]
    integrationId: Mapped[int | None]
    isOutOfHour: Mapped[Off | None]
    flowStopped: Mapped[str | None]
    isActiveDemand: Mapped[Off | None]
    typebotSessionId: Mapped[str | None]
    typebotStatus: Mapped[Off]
    typebotSessionTime: Mapped[datetime | None]
    closedAt: Mapped[datetime | None]
    lid: Mapped[LongText | None]
    jid: Mapped[LongText | None]


Index("idx_tickets_updated", Ticket.updatedAt.desc())
# For lists: each status in the order of pages. With NULLS LAST no other index has that order.
Index(
    "ix_Tickets_companyId_status_updatedAt_id",
    Ticket.companyId,
    Ticket.status,
    Ticket.updatedAt.desc().nulls_last(),
    Ticket.id.desc().nulls_last(),
)


class TicketTag(CompanyRow, Timestamped, Base):
    """A tag of a ticket."""

    __tablename__ = "TicketTags"
    __table_args__ = (
        belongs_to("ticketId", "Tickets"),
        belongs_to("tagId", "Tags"),
        index("companyId", "tagId"),
    )

    ticketId: Mapped[int] = mapped_column(primary_key=True)
    tagId: Mapped[int] = mapped_column(primary_key=True)


class TicketNote(TenantRow, Base):
    """A note of users about a ticket, which the contact does not see."""

    __tablename__ = "TicketNotes"
    __table_args__ = (
        refers_to("userId", "Users"),
        belongs_to("contactId", "Contacts"),
        belongs_to("ticketId", "Tickets"),
        index("companyId", "contactId"),
        index_where_set("userId"),
        index_where_set("ticketId"),
    )

    note: Mapped[str]
    userId: Mapped[int | None]
    contactId: Mapped[int]
    ticketId: Mapped[int | None]


class TicketTraking(WithId, CompanyRow, Base):
    """The times of an attendance, for reports; at most one of a ticket is unfinished."""

    __tablename__ = "TicketTraking"
    __table_args__ = (
        parent_key(),
        refers_to("ticketId", "Tickets"),
        refers_to("whatsappId", "Whatsapps"),
        refers_to("userId", "Users"),
        refers_to("queueId", "Queues"),
        unique_where("uq_TicketTraking_open", '"finishedAt" IS NULL', "ticketId"),
        index("companyId", "createdAt"),  # for reports of a period
        index_where_set("ticketId"),
        index_where_set("whatsappId"),
        index_where_set("userId"),
        index_where_set("queueId"),
    )

    ticketId: Mapped[int | None]
    whatsappId: Mapped[int | None]
    userId: Mapped[int | None]
    createdAt: Mapped[Now | None]
    updatedAt: Mapped[Now | None]
    queuedAt: Mapped[datetime | None]
    startedAt: Mapped[datetime | None]
    finishedAt: Mapped[datetime | None]
    ratingAt: Mapped[datetime | None]
    rated: Mapped[Off | None]
    closedAt: Mapped[datetime | None]
    chatbotAt: Mapped[datetime | None]
    queueId: Mapped[int | None]


class LogTicket(TenantRow, Base):
    """A logged change of a ticket; rows are only added."""

    __tablename__ = "LogTickets"
    __table_args__ = (
        refers_to("userId", "Users"),
        belongs_to("ticketId", "Tickets"),
        belongs_to("queueId", "Queues"),
        index("companyId", "ticketId"),
        index_where_set("userId"),
        index_where_set("queueId"),
    )

    userId: Mapped[int | None]
    ticketId: Mapped[int]
    queueId: Mapped[int | None]
    type: Mapped[str]


class UserRating(WithId, CompanyRow, Base):
    """The rating that a contact gave after a ticket."""

    __tablename__ = "UserRatings"
    __table_args__ = (
        refers_to("ticketId", "Tickets"),
        refers_to("userId", "Users"),
        index("companyId", "ticketId"),
        index("companyId", "createdAt"),  # for reports of a period
        index_where_set("userId"),
    )

    ticketId: Mapped[int | None]
    userId: Mapped[int | None]
    rate: Mapped[Zero | None]
    createdAt: Mapped[Now | None]
    updatedAt: Mapped[Now | None]


class Announcement(WithId, Timestamped, Base):
    """News for the users of a company, or of all companies if it has none."""

    __tablename__ = "Announcements"
    __table_args__ = (index_where_set("companyId"),)

    priority: Mapped[int | None]
    title: Mapped[str]
    text: Mapped[LongText]
    mediaPath: Mapped[LongText | None]
    mediaName: Mapped[LongText | None]
    companyId: Mapped[int | None] = mapped_column(ForeignKey("Companies.id", ondelete="CASCADE"))
    status: Mapped[bool | None]


class Help(WithId, Timestamped, Base):
    """A help page of a company, or of all companies if it has none."""

    __tablename__ = "Helps"
    __table_args__ = (index_where_set("companyId"),)

    title: Mapped[str]
    description: Mapped[LongText | None]
    video: Mapped[str | None]
    link: Mapped[LongText | None]
    companyId: Mapped[int | None] = mapped_column(ForeignKey("Companies.id", ondelete="CASCADE"))


class Versions(WithId, Timestamped, Base):
    """The deployed versions of front end and back end."""

    __tablename__ = "Versions"

    versionFrontend: Mapped[LongText]
    versionBackend: Mapped[LongText]
