"""The tables that the campaigns service writes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    Json,
    Jsonb,
    LongText,
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
)


class Campaign(TenantRow, Base):
    """The same message for many recipients, sent by a line at its rate."""

    __tablename__ = "Campaigns"
    __table_args__ = (
        parent_key(),
        refers_to("contactListId", "ContactLists"),
        refers_to("whatsappId", "Whatsapps"),
        refers_to("userId", "Users"),
        refers_to("queueId", "Queues"),
        index_where_set("contactListId"),
        index_where_set("whatsappId"),
        index_where_set("userId"),
        index_where_set("queueId"),
    )

    name: Mapped[str]
    message1: Mapped[LongText | None] = mapped_column(server_default="")
    message2: Mapped[LongText | None] = mapped_column(server_default="")
    message3: Mapped[LongText | None] = mapped_column(server_default="")
    message4: Mapped[LongText | None] = mapped_column(server_default="")
    message5: Mapped[LongText | None] = mapped_column(server_default="")
    confirmationMessage1: Mapped[LongText | None] = mapped_column(server_default="")
    confirmationMessage2: Mapped[LongText | None] = mapped_column(server_default="")
    confirmationMessage3: Mapped[LongText | None] = mapped_column(server_default="")
    confirmationMessage4: Mapped[LongText | None] = mapped_column(server_default="")
    confirmationMessage5: Mapped[LongText | None] = mapped_column(server_default="")
    status: Mapped[str | None] = mapped_column(server_default="INATIVA")
    confirmation: Mapped[Off | None]
    mediaPath: Mapped[LongText | None]
    mediaName: Mapped[LongText | None]
    contactListId: Mapped[int | None]
    whatsappId: Mapped[int | None]
    scheduledAt: Mapped[datetime | None]
    completedAt: Mapped[datetime | None]
    userId: Mapped[int | None]
    statusTicket: Mapped[str | None] = mapped_column(server_default="closed")
    queueId: Mapped[int | None]
    openTicket: Mapped[str | None] = mapped_column(server_default="disabled")


class CampaignSetting(TenantRow, Base):
    """A setting of all campaigns of a company, or of one campaign."""

    __tablename__ = "CampaignSettings"
    __table_args__ = (
        belongs_to("campaignId", "Campaigns"),
        unique("companyId", "key", "campaignId", nulls_are_equal=True),
        index_where_set("campaignId"),
    )

    key: Mapped[str]
    value: Mapped[LongText | None]
    campaignId: Mapped[int | None]


class CampaignShipping(TenantRow, Base):
    """One recipient's message of a campaign: once per campaign and number."""

    __tablename__ = "CampaignShipping"
    __table_args__ = (
        refers_to("contactId", "Contacts"),
        belongs_to("campaignId", "Campaigns"),
        refers_to("contactListItemId", "ContactListItems"),
        unique("companyId", "campaignId", "number"),
        unique("campaignId", "contactListItemId"),
        CheckConstraint("number ~ '^[0-9][0-9-]{4,39}$'", name="number"),
        Index(
            "ix_CampaignShipping_waiting",
            "companyId",
            "campaignId",
            "id",
            postgresql_where=text('"jobId" IS NULL AND "deliveredAt" IS NULL'),
        ),
        index_where_set("contactId"),
        index_where_set("contactListItemId"),
    )

    jobId: Mapped[str | None]
    number: Mapped[str]
    message: Mapped[LongText]
    confirmationMessage: Mapped[LongText | None]
    confirmation: Mapped[bool | None]
    contactId: Mapped[int | None]
    campaignId: Mapped[int]
    confirmationRequestedAt: Mapped[datetime | None]
    confirmedAt: Mapped[datetime | None]
    deliveredAt: Mapped[datetime | None]
    contactListItemId: Mapped[int | None]


class Schedule(TenantRow, Base):
    """A message to one contact at a given time, which may repeat."""

    __tablename__ = "Schedules"
    __table_args__ = (
        belongs_to("contactId", "Contacts"),
        refers_to("ticketId", "Tickets"),
        refers_to("userId", "Users"),
        refers_to("ticketUserId", "Users"),
        refers_to("whatsappId", "Whatsapps"),
        refers_to("queueId", "Queues"),
        index("companyId", "contactId"),
        index_where_set("ticketId"),
        index_where_set("userId"),
        index_where_set("ticketUserId"),
        index_where_set("whatsappId"),
        index_where_set("queueId"),
    )

    body: Mapped[LongText]
    sendAt: Mapped[datetime | None]
    sentAt: Mapped[datetime | None]
    contactId: Mapped[int | None]
    ticketId: Mapped[int | None]
    userId: Mapped[int | None]
    status: Mapped[str | None]
    ticketUserId: Mapped[int | None]
    whatsappId: Mapped[int | None]
    queueId: Mapped[int | None]
    statusTicket: Mapped[str | None] = mapped_column(server_default="closed")
    openTicket: Mapped[str | None] = mapped_column(server_default="disabled")
    mediaName: Mapped[str | None]
    mediaPath: Mapped[str | None]
    enviarQuantasVezes: Mapped[int | None] = mapped_column(server_default="1")
    intervalo: Mapped[int | None] = mapped_column(server_default="1")
    tipoDias: Mapped[int | None] = mapped_column(server_default="4")
    valorIntervalo: Mapped[Zero | None]
    contadorEnvio: Mapped[Zero | None]
    assinar: Mapped[Off | None]


class ScheduledMessages(TenantRow, Base):
    """A scheduled message to many contacts and tags."""

    __tablename__ = "ScheduledMessages"
    __table_args__ = (
        parent_key(),
        refers_to("contactId", "Contacts"),
        index_where_set("contactId"),
    )

    data_mensagem_programada: Mapped[datetime | None]
    id_conexao: Mapped[str | None]
    intervalo: Mapped[str | None]
    valor_intervalo: Mapped[str | None]
    mensagem: Mapped[LongText | None]
    tipo_dias_envio: Mapped[str | None]
    mostrar_usuario_mensagem: Mapped[Off | None]
    criar_ticket: Mapped[Off | None]
    contatos: Mapped[Jsonb | None]
    tags: Mapped[Jsonb | None]
    nome: Mapped[str | None]
    mediaPath: Mapped[str | None]
    mediaName: Mapped[str | None]
    tipo_arquivo: Mapped[str | None]
    usuario_envio: Mapped[str | None]
    enviar_quantas_vezes: Mapped[str | None]
    contactId: Mapped[int | None]


class ScheduledMessagesEnvio(TenantRow, Base):
    """One sent message of a row of "ScheduledMessages"."""

    __tablename__ = "ScheduledMessagesEnvios"
    __table_args__ = (
        belongs_to("scheduledmessages", "ScheduledMessages"),
        unique("scheduledmessages", "key"),
        index("companyId"),
    )

    mediaPath: Mapped[str | None]
    mediaName: Mapped[str | None]
    mensagem: Mapped[LongText | None]
    data_envio: Mapped[datetime | None]
    scheduledmessages: Mapped[int | None]
    key: Mapped[str | None]


class FlowBuilderModel(WithId, Timestamped, Base):
    """An automation, as a graph of nodes."""

    __tablename__ = "FlowBuilders"
    __table_args__ = (
        parent_key("company_id"),
        refers_to("user_id", "Users", company="company_id"),
        unique("company_id", "name"),
        index_where_set("user_id"),
    )

    user_id: Mapped[int | None]
    name: Mapped[str]
    active: Mapped[On | None]
    flow: Mapped[Json | None]
    company_id: Mapped[int] = mapped_column(ForeignKey("Companies.id", ondelete="CASCADE"))


class FlowDefaultModel(TenantRow, Base):
    """The flows that a company starts if no phrase matches."""

    __tablename__ = "FlowDefaults"
    __table_args__ = (
        refers_to("userId", "Users"),
        refers_to("flowIdWelcome", "FlowBuilders"),
        refers_to("flowIdNotPhrase", "FlowBuilders"),
        unique("companyId"),
        index_where_set("userId"),
        index_where_set("flowIdWelcome"),
        index_where_set("flowIdNotPhrase"),
    )

    userId: Mapped[int | None]
    flowIdWelcome: Mapped[int | None]
    flowIdNotPhrase: Mapped[int | None]


class FlowAudioModel(TenantRow, Base):
    """An audio file that flows send."""

    __tablename__ = "FlowAudios"
    __table_args__ = (
        refers_to("userId", "Users"),
        belongs_to("flowId", "FlowBuilders"),
        index("companyId", "userId"),
        index_where_set("flowId"),
    )

    userId: Mapped[int | None]
    name: Mapped[str]
    flowId: Mapped[int | None]


class FlowImgModel(TenantRow, Base):
    """A picture file that flows send."""

    __tablename__ = "FlowImgs"
    __table_args__ = (
        refers_to("userId", "Users"),
        belongs_to("flowId", "FlowBuilders"),
        index("companyId", "userId"),
        index_where_set("flowId"),
    )

    userId: Mapped[int | None]
    name: Mapped[str]
    flowId: Mapped[int | None]


class FlowCampaignModel(TenantRow, Base):
    """A phrase that starts a flow."""

    __tablename__ = "FlowCampaigns"
    __table_args__ = (
        refers_to("userId", "Users"),
        belongs_to("flowId", "FlowBuilders"),
        refers_to("whatsappId", "Whatsapps"),
        index("companyId", "flowId"),
        index_where_set("userId"),
        index_where_set("whatsappId"),
    )

    userId: Mapped[int | None]
    name: Mapped[str]
    flowId: Mapped[int]
    phrase: Mapped[str]
    status: Mapped[On]
    whatsappId: Mapped[int | None]
    matchType: Mapped[str] = mapped_column(String(20), server_default="exact", sort_order=3)


class WebhookModel(WithId, Timestamped, Base):
    """An address by which other systems start a flow."""

    __tablename__ = "Webhooks"
    __table_args__ = (
        refers_to("user_id", "Users", company="company_id"),
        unique("hash_id"),
        index("company_id", "user_id"),
    )

    user_id: Mapped[int | None]
    name: Mapped[str]
    hash_id: Mapped[str]
    config: Mapped[Json | None]
    active: Mapped[Off | None]
    requestMonth: Mapped[Zero | None]
    requestAll: Mapped[Zero | None]
    company_id: Mapped[int] = mapped_column(ForeignKey("Companies.id", ondelete="CASCADE"))
