"""The tables that the messages service writes."""

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    Blank,
    Jsonb,
    LongText,
    Off,
    On,
    TenantRow,
    Zero,
    belongs_to,
    index,
    index_where_set,
    parent_key,
    refers_to,
    unique,
    unique_where,
)


class Whatsapp(TenantRow, Base):
    """A line: one WhatsApp connection. `session` and the tokens are secrets."""

    __tablename__ = "Whatsapps"
    __table_args__ = (
        parent_key(),
        refers_to("sendIdQueue", "Queues"),
        refers_to("promptId", "Prompts", closing=True),
        refers_to("integrationId", "QueueIntegrations", closing=True),
        refers_to("queueIdImportMessages", "Queues"),
        refers_to("flowIdNotPhrase", "FlowBuilders", closing=True),
        refers_to("flowIdWelcome", "FlowBuilders", closing=True),
        unique("companyId", "channel", "name", nulls_are_equal=True),
        unique_where("uq_Whatsapps_default", '"isDefault"', "companyId"),
        index_where_set("sendIdQueue"),
        index_where_set("promptId"),
        index_where_set("integrationId"),
        index_where_set("queueIdImportMessages"),
        index_where_set("flowIdNotPhrase"),
        index_where_set("flowIdWelcome"),
    )

    session: Mapped[LongText | None]
    qrcode: Mapped[LongText | None]
    status: Mapped[str | None]
    battery: Mapped[str | None]
    plugged: Mapped[bool | None]
    name: Mapped[str]
    isDefault: Mapped[Off]
    retries: Mapped[Zero]
    greetingMessage: Mapped[LongText | None]
    complationMessage: Mapped[LongText | None]
    outOfHoursMessage: Mapped[LongText | None]
    token: Mapped[LongText | None]
    farewellMessage: Mapped[LongText | None]
    provider: Mapped[LongText | None] = mapped_column(server_default="stable")
    number: Mapped[LongText | None]
    channel: Mapped[LongText | None]
    facebookUserToken: Mapped[LongText | None]
    tokenMeta: Mapped[LongText | None]
    facebookPageUserId: Mapped[LongText | None]
    facebookUserId: Mapped[LongText | None]
    maxUseBotQueues: Mapped[int | None] = mapped_column(server_default="3")
    expiresTicket: Mapped[Zero | None]
    allowGroup: Mapped[Off]
    timeUseBotQueues: Mapped[str] = mapped_column(server_default="0")
    timeSendQueue: Mapped[Zero | None]
    sendIdQueue: Mapped[int | None]
    expiresInactiveMessage: Mapped[LongText | None]
    whenExpiresTicket: Mapped[Blank | None]
    inactiveMessage: Mapped[Blank | None]
    timeInactiveMessage: Mapped[Blank | None]
    maxUseBotQueuesNPS: Mapped[Zero | None]
    expiresTicketNPS: Mapped[Blank | None]
    ratingMessage: Mapped[LongText | None]
    groupAsTicket: Mapped[str] = mapped_column(server_default="disabled")
    importOldMessages: Mapped[LongText | None]
    importRecentMessages: Mapped[LongText | None]
    statusImportMessages: Mapped[str | None]
    closedTicketsPostImported: Mapped[bool | None]
    importOldMessagesGroups: Mapped[bool | None]
    timeCreateNewTicket: Mapped[int | None]
    greetingMediaAttachment: Mapped[str | None]
    promptId: Mapped[int | None]
    integrationId: Mapped[int | None]
    schedules: Mapped[Jsonb | None] = mapped_column(server_default="[]")
    collectiveVacationEnd: Mapped[str | None]
    collectiveVacationMessage: Mapped[LongText | None]
    collectiveVacationStart: Mapped[str | None]
    queueIdImportMessages: Mapped[int | None]
    flowIdNotPhrase: Mapped[int | None]
    flowIdWelcome: Mapped[int | None]


class Message(TenantRow, Base):
    """A message of a ticket, once per line and `wid`, the id that WhatsApp gave it.

    `ack` only grows, except for -1: the message could not be sent.
    """

    __tablename__ = "Messages"
    __table_args__ = (
        parent_key(),
        belongs_to("ticketId", "Tickets"),
        belongs_to("contactId", "Contacts"),
        refers_to("queueId", "Queues"),
        refers_to("ticketTrakingId", "TicketTraking"),
        refers_to("quotedMsgId", "Messages"),
        belongs_to("whatsappId", "Whatsapps"),
        unique("companyId", "whatsappId", "wid"),
        CheckConstraint("ack BETWEEN -1 AND 5", name="ack"),
        Index("idx_messages_ticket", "ticketId"),
        Index("idx_messages_company", "companyId"),
        Index("idx_messages_ticket_created", "ticketId", "createdAt"),
        Index("idx_messages_fromme", "fromMe"),
        Index("idx_messages_read", "read"),
        Index("idx_messages_company_fromme", "companyId", "fromMe"),
        # For searching the newest messages of a company first. It is over an expression, so that no
        # other statement uses it instead of an index by ticket.
        Index("ix_Messages_newest", "companyId", text("timezone('UTC', \"createdAt\")")),
        # For the unread count: finds the last message of a ticket that is ours or marked as read.
        Index(
            "ix_Messages_ticketId_read_mark",
            "ticketId",
            "createdAt",
            postgresql_where=text('"fromMe" OR read'),
        ),
        index_where_set("contactId"),
        index_where_set("queueId"),
        index_where_set("ticketTrakingId"),
        index_where_set("quotedMsgId"),
    )

    body: Mapped[LongText]
    ack: Mapped[Zero]
    read: Mapped[Off]
    mediaType: Mapped[str | None]
    mediaUrl: Mapped[str | None]
    ticketId: Mapped[int]
    fromMe: Mapped[Off]
    isDeleted: Mapped[Off]
    contactId: Mapped[int | None]
    remoteJid: Mapped[LongText | None]
    dataJson: Mapped[LongText | None]
    participant: Mapped[LongText | None]
    queueId: Mapped[int | None]
    ticketTrakingId: Mapped[int | None]
    quotedMsgId: Mapped[int | None]
    wid: Mapped[str | None]
    isPrivate: Mapped[Off | None]
    isEdited: Mapped[Off | None]
    isForwarded: Mapped[Off | None]
    messageId: Mapped[str | None]
    whatsappId: Mapped[int]
    translatedBody: Mapped[LongText | None] = mapped_column(sort_order=3)
    originalLanguage: Mapped[str | None] = mapped_column(String(10), sort_order=3)


class Baileys(TenantRow, Base):
    """The address book and the list of chats of a line's session."""

    __tablename__ = "Baileys"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        unique("companyId", "whatsappId"),
    )

    whatsappId: Mapped[int]
    contacts: Mapped[Jsonb | None]
    chats: Mapped[Jsonb | None]


class QuickMessage(TenantRow, Base):
    """A text that users send by a short code."""

    __tablename__ = "QuickMessages"
    __table_args__ = (
        belongs_to("userId", "Users"),
        index("companyId", "userId"),
    )

    shortcode: Mapped[str]
    message: Mapped[LongText | None]
    userId: Mapped[int | None]
    mediaPath: Mapped[str | None]
    mediaName: Mapped[str | None]
    geral: Mapped[Off]
    visao: Mapped[On | None]


class Chat(TenantRow, Base):
    """A chat among the users of a company."""

    __tablename__ = "Chats"
    __table_args__ = (
        parent_key(),
        belongs_to("ownerId", "Users"),
        index("ownerId"),
    )

    title: Mapped[LongText | None] = mapped_column(server_default="")
    uuid: Mapped[Blank | None]
    ownerId: Mapped[int]
    lastMessage: Mapped[LongText | None]


class ChatUser(TenantRow, Base):
    """A member of a chat among users, with the unread count."""

    __tablename__ = "ChatUsers"
    __table_args__ = (
        belongs_to("chatId", "Chats"),
        belongs_to("userId", "Users"),
        unique("chatId", "userId"),
        index("companyId", "userId"),
    )

    chatId: Mapped[int]
    userId: Mapped[int]
    unreads: Mapped[Zero | None]


class ChatMessage(TenantRow, Base):
    """A message of a chat among users."""

    __tablename__ = "ChatMessages"
    __table_args__ = (
        belongs_to("chatId", "Chats"),
        belongs_to("senderId", "Users"),
        index("companyId", "chatId"),
        index("senderId"),
    )

    chatId: Mapped[int]
    senderId: Mapped[int]
    message: Mapped[LongText | None] = mapped_column(server_default="")
    mediaPath: Mapped[LongText | None]
    mediaName: Mapped[LongText | None]


class Chatbot(TenantRow, Base):
    """An option of a queue's menu; options form a tree."""

    __tablename__ = "Chatbots"
    __table_args__ = (
        parent_key(),
        belongs_to("queueId", "Queues"),
        belongs_to("chatbotId", "Chatbots"),
        refers_to("optQueueId", "Queues"),
        refers_to("optUserId", "Users"),
        refers_to("optIntegrationId", "QueueIntegrations"),
        refers_to("optFileId", "Files"),
        index_where_set("queueId"),
        index_where_set("chatbotId"),
        index_where_set("optQueueId"),
        index_where_set("optUserId"),
        index_where_set("optIntegrationId"),
        index_where_set("optFileId"),
    )

    name: Mapped[str]
    queueId: Mapped[int | None]
    chatbotId: Mapped[int | None]
    greetingMessage: Mapped[LongText | None]
    isAgent: Mapped[Off | None]
    optQueueId: Mapped[int | None]
    optUserId: Mapped[int | None]
    queueType: Mapped[str] = mapped_column(server_default="text")
    optIntegrationId: Mapped[int | None]
    optFileId: Mapped[int | None]
    closeTicket: Mapped[Off]


class DialogChatBots(TenantRow, Base):
    """The current position of a contact in a menu."""

    __tablename__ = "DialogChatBots"
    __table_args__ = (
        belongs_to("contactId", "Contacts"),
        refers_to("chatbotId", "Chatbots"),
        refers_to("queueId", "Queues"),
        index("companyId", "contactId"),
        index_where_set("chatbotId"),
        index_where_set("queueId"),
    )

    awaiting: Mapped[Zero]
    contactId: Mapped[int | None]
    chatbotId: Mapped[int | None]
    queueId: Mapped[int | None]


class QueueIntegrations(TenantRow, Base):
    """Another system (typebot, n8n, Dialogflow) that answers contacts."""

    __tablename__ = "QueueIntegrations"
    __table_args__ = (
        parent_key(),
        refers_to("queueId", "Queues"),
        unique("companyId", "name"),
        unique("companyId", "projectName"),
        index_where_set("queueId"),
    )

    type: Mapped[str]
    name: Mapped[str]
    projectName: Mapped[str]
    jsonContent: Mapped[LongText]
    language: Mapped[str]
    urlN8N: Mapped[str]
    typebotSlug: Mapped[Blank]
    typebotKeywordFinish: Mapped[Blank]
    typebotUnknownMessage: Mapped[Blank]
    typebotExpires: Mapped[Zero]
    typebotDelayMessage: Mapped[int] = mapped_column(server_default="1000")
    typebotKeywordRestart: Mapped[Blank | None]
    typebotRestartMessage: Mapped[Blank | None]
    queueId: Mapped[int | None]


class Prompt(TenantRow, Base):
    """The instructions of a language model that answers for a queue."""

    __tablename__ = "Prompts"
    __table_args__ = (
        parent_key(),
        refers_to("queueId", "Queues"),
        index_where_set("queueId"),
    )

    name: Mapped[LongText]
    apiKey: Mapped[LongText]
    prompt: Mapped[LongText]
    maxTokens: Mapped[int] = mapped_column(server_default="100")
    maxMessages: Mapped[int] = mapped_column(server_default="10")
    temperature: Mapped[int] = mapped_column(server_default="1")
    promptTokens: Mapped[Zero]
    completionTokens: Mapped[Zero]
    totalTokens: Mapped[Zero]
    voice: Mapped[LongText | None]
    voiceKey: Mapped[LongText | None]
    voiceRegion: Mapped[LongText | None]
    queueId: Mapped[int | None]
    model: Mapped[str] = mapped_column(server_default="gpt-3.5-turbo-1106")


class Integrations(TenantRow, Base):
    """Credentials for another system; no current feature writes them."""

    __tablename__ = "Integrations"
    __table_args__ = (index("companyId"),)

    name: Mapped[str]
    isActive: Mapped[Off | None]
    token: Mapped[LongText | None]
    foneContact: Mapped[str | None]
    userLogin: Mapped[str | None]
    passLogin: Mapped[str | None]
    finalCurrentMonth: Mapped[int | None]
    initialCurrentMonth: Mapped[int | None]


class Files(TenantRow, Base):
    """A list of files that are sent together."""

    __tablename__ = "Files"
    __table_args__ = (parent_key(),)

    name: Mapped[str]
    message: Mapped[LongText]


class FilesOptions(TenantRow, Base):
    """A file of such a list."""

    __tablename__ = "FilesOptions"
    __table_args__ = (
        belongs_to("fileId", "Files"),
        index("companyId", "fileId"),
    )

    name: Mapped[str]
    path: Mapped[str]
    fileId: Mapped[int]
    mediaType: Mapped[Blank | None]


class ApiUsages(TenantRow, Base):
    """How much a company sent through the API on one day (DD/MM/YYYY)."""

    __tablename__ = "ApiUsages"
    __table_args__ = (unique("companyId", "dateUsed"),)

    dateUsed: Mapped[LongText]
    UsedOnDay: Mapped[Zero | None]
    usedText: Mapped[Zero | None]
    usedPDF: Mapped[Zero | None]
    usedImage: Mapped[Zero | None]
    usedVideo: Mapped[Zero | None]
    usedOther: Mapped[Zero | None]
    usedCheckNumber: Mapped[Zero | None]


class MessageTemplate(TenantRow, Base):
    """A template of a line's WhatsApp account: its status at Meta, and its texts.

    A placeholder in a text is `{{1}}` or `{{name}}`. `components` and `buttons` are as Meta has
    them; `header` is the text of the header.
    """

    __tablename__ = "MessageTemplates"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        unique("companyId", "whatsappId", "name", "language"),
    )

    whatsappId: Mapped[int]
    name: Mapped[LongText]
    language: Mapped[LongText]
    status: Mapped[LongText] = mapped_column(server_default="PENDING")
    header: Mapped[LongText | None]
    body: Mapped[LongText | None]
    footer: Mapped[LongText | None]
    category: Mapped[str | None] = mapped_column(String(50), sort_order=3)
    components: Mapped[Jsonb | None] = mapped_column(sort_order=3)
    buttons: Mapped[Jsonb | None] = mapped_column(sort_order=3)
    metaTemplateId: Mapped[str | None] = mapped_column(sort_order=3)
