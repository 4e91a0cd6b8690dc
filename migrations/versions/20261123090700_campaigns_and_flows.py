"""Campaigns, schedules and flows.

Revision ID: 20261123090700
Revises: 20261123090600
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090700"
down_revision: str | None = "20261123090600"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_campaigns()
    _create_campaign_settings()
    _create_campaign_shipping()
    _create_schedules()
    _create_scheduled_messages()
    _create_scheduled_messages_envios()
    _create_flow_builders()
    _create_flow_defaults()
    _create_flow_audios()
    _create_flow_imgs()
    _create_flow_campaigns()
    _create_webhooks()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("Webhooks")
    op.drop_table("FlowCampaigns")
    op.drop_table("FlowImgs")
    op.drop_table("FlowAudios")
    op.drop_table("FlowDefaults")
    op.drop_table("FlowBuilders")
    op.drop_table("ScheduledMessagesEnvios")
    op.drop_table("ScheduledMessages")
    op.drop_table("Schedules")
    op.drop_table("CampaignShipping")
    op.drop_table("CampaignSettings")
    op.drop_table("Campaigns")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_campaigns() -> None:
    op.create_table(
        "Campaigns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("message1", sa.Text(), server_default=""),
        sa.Column("message2", sa.Text(), server_default=""),
        sa.Column("message3", sa.Text(), server_default=""),
        sa.Column("message4", sa.Text(), server_default=""),
        sa.Column("message5", sa.Text(), server_default=""),
        sa.Column("confirmationMessage1", sa.Text(), server_default=""),
        sa.Column("confirmationMessage2", sa.Text(), server_default=""),
        sa.Column("confirmationMessage3", sa.Text(), server_default=""),
        sa.Column("confirmationMessage4", sa.Text(), server_default=""),
        sa.Column("confirmationMessage5", sa.Text(), server_default=""),
        sa.Column("status", sa.String(255), server_default="INATIVA"),
        sa.Column("confirmation", sa.Boolean(), server_default="false"),
        sa.Column("mediaPath", sa.Text()),
        sa.Column("mediaName", sa.Text()),
        sa.Column("contactListId", sa.Integer()),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column("scheduledAt", sa.DateTime(timezone=True)),
        sa.Column("completedAt", sa.DateTime(timezone=True)),
        sa.Column("userId", sa.Integer()),
        sa.Column("statusTicket", sa.String(255), server_default="closed"),
        sa.Column("queueId", sa.Integer()),
        sa.Column("openTicket", sa.String(255), server_default="disabled"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Campaigns"),
        sa.UniqueConstraint("companyId", "id", name="uq_Campaigns_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Campaigns_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactListId"],
            ["ContactLists.companyId", "ContactLists.id"],
            name="fk_Campaigns_companyId_contactListId",
            ondelete='SET NULL ("contactListId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Campaigns_companyId_whatsappId",
            ondelete='SET NULL ("whatsappId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_Campaigns_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Campaigns_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
    )
    op.create_index(
        "ix_Campaigns_contactListId",
        "Campaigns",
        ["contactListId"],
        postgresql_where=sa.text('"contactListId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Campaigns_whatsappId",
        "Campaigns",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Campaigns_userId",
        "Campaigns",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Campaigns_queueId",
        "Campaigns",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_campaign_settings() -> None:
    op.create_table(
        "CampaignSettings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("campaignId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_CampaignSettings"),
        sa.UniqueConstraint(
            "companyId",
            "key",
            "campaignId",
            name="uq_CampaignSettings_companyId_key_campaignId",
            postgresql_nulls_not_distinct=True,
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_CampaignSettings_companyId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "campaignId"],
            ["Campaigns.companyId", "Campaigns.id"],
            name="fk_CampaignSettings_companyId_campaignId",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_CampaignSettings_campaignId",
        "CampaignSettings",
        ["campaignId"],
        postgresql_where=sa.text('"campaignId" IS NOT NULL'),
    )


def _create_campaign_shipping() -> None:
    op.create_table(
        "CampaignShipping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("jobId", sa.String(255)),
        sa.Column("number", sa.String(255), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("confirmationMessage", sa.Text()),
        sa.Column("confirmation", sa.Boolean()),
        sa.Column("contactId", sa.Integer()),
        sa.Column("campaignId", sa.Integer(), nullable=False),
        sa.Column("confirmationRequestedAt", sa.DateTime(timezone=True)),
        sa.Column("confirmedAt", sa.DateTime(timezone=True)),
        sa.Column("deliveredAt", sa.DateTime(timezone=True)),
        sa.Column("contactListItemId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_CampaignShipping"),
        sa.UniqueConstraint(
            "companyId",
            "campaignId",
            "number",
            name="uq_CampaignShipping_companyId_campaignId_number",
        ),
        sa.UniqueConstraint(
            "campaignId",
            "contactListItemId",
            name="uq_CampaignShipping_campaignId_contactListItemId",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_CampaignShipping_companyId_contactId",
            ondelete='SET NULL ("contactId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "campaignId"],
            ["Campaigns.companyId", "Campaigns.id"],
            name="fk_CampaignShipping_companyId_campaignId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactListItemId"],
            ["ContactListItems.companyId", "ContactListItems.id"],
            name="fk_CampaignShipping_companyId_contactListItemId",
            ondelete='SET NULL ("contactListItemId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_CampaignShipping_companyId",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_CampaignShipping_waiting",
        "CampaignShipping",
        ["companyId", "campaignId", "id"],
        postgresql_where=sa.text('"jobId" IS NULL AND "deliveredAt" IS NULL'),
    )
    op.create_index(
        "ix_CampaignShipping_contactId",
        "CampaignShipping",
        ["contactId"],
        postgresql_where=sa.text('"contactId" IS NOT NULL'),
    )
    op.create_index(
        "ix_CampaignShipping_contactListItemId",
        "CampaignShipping",
        ["contactListItemId"],
        postgresql_where=sa.text('"contactListItemId" IS NOT NULL'),
    )


def _create_schedules() -> None:
    op.create_table(
        "Schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sendAt", sa.DateTime(timezone=True)),
        sa.Column("sentAt", sa.DateTime(timezone=True)),
        sa.Column("contactId", sa.Integer()),
        sa.Column("ticketId", sa.Integer()),
        sa.Column("userId", sa.Integer()),
        sa.Column("status", sa.String(255)),
        sa.Column("ticketUserId", sa.Integer()),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column("queueId", sa.Integer()),
        sa.Column("statusTicket", sa.String(255), server_default="closed"),
        sa.Column("openTicket", sa.String(255), server_default="disabled"),
        sa.Column("mediaName", sa.String(255)),
        sa.Column("mediaPath", sa.String(255)),
        sa.Column("enviarQuantasVezes", sa.Integer(), server_default="1"),
        sa.Column("intervalo", sa.Integer(), server_default="1"),
        sa.Column("tipoDias", sa.Integer(), server_default="4"),
        sa.Column("valorIntervalo", sa.Integer(), server_default="0"),
        sa.Column("contadorEnvio", sa.Integer(), server_default="0"),
        sa.Column("assinar", sa.Boolean(), server_default="false"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Schedules"),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_Schedules_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_Schedules_companyId_ticketId",
            ondelete='SET NULL ("ticketId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_Schedules_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Schedules_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketUserId"],
            ["Users.companyId", "Users.id"],
            name="fk_Schedules_companyId_ticketUserId",
            ondelete='SET NULL ("ticketUserId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Schedules_companyId_whatsappId",
            ondelete='SET NULL ("whatsappId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Schedules_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
    )
    op.create_index("ix_Schedules_companyId_contactId", "Schedules", ["companyId", "contactId"])
    op.create_index(
        "ix_Schedules_ticketId",
        "Schedules",
        ["ticketId"],
        postgresql_where=sa.text('"ticketId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Schedules_userId",
        "Schedules",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Schedules_ticketUserId",
        "Schedules",
        ["ticketUserId"],
        postgresql_where=sa.text('"ticketUserId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Schedules_whatsappId",
        "Schedules",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Schedules_queueId",
        "Schedules",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_scheduled_messages() -> None:
    op.create_table(
        "ScheduledMessages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("data_mensagem_programada", sa.DateTime(timezone=True)),
        sa.Column("id_conexao", sa.String(255)),
        sa.Column("intervalo", sa.String(255)),
        sa.Column("valor_intervalo", sa.String(255)),
        sa.Column("mensagem", sa.Text()),
        sa.Column("tipo_dias_envio", sa.String(255)),
        sa.Column("mostrar_usuario_mensagem", sa.Boolean(), server_default="false"),
        sa.Column("criar_ticket", sa.Boolean(), server_default="false"),
        sa.Column("contatos", postgresql.JSONB()),
        sa.Column("tags", postgresql.JSONB()),
        sa.Column("nome", sa.String(255)),
        sa.Column("mediaPath", sa.String(255)),
        sa.Column("mediaName", sa.String(255)),
        sa.Column("tipo_arquivo", sa.String(255)),
        sa.Column("usuario_envio", sa.String(255)),
        sa.Column("enviar_quantas_vezes", sa.String(255)),
        sa.Column("contactId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ScheduledMessages"),
        sa.UniqueConstraint("companyId", "id", name="uq_ScheduledMessages_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_ScheduledMessages_companyId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_ScheduledMessages_companyId_contactId",
            ondelete='SET NULL ("contactId")',
        ),
    )
    op.create_index(
        "ix_ScheduledMessages_contactId",
        "ScheduledMessages",
        ["contactId"],
        postgresql_where=sa.text('"contactId" IS NOT NULL'),
    )


def _create_scheduled_messages_envios() -> None:
    op.create_table(
        "ScheduledMessagesEnvios",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("mediaPath", sa.String(255)),
        sa.Column("mediaName", sa.String(255)),
        sa.Column("mensagem", sa.Text()),
        sa.Column("data_envio", sa.DateTime(timezone=True)),
        sa.Column("scheduledmessages", sa.Integer()),
        sa.Column("key", sa.String(255)),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ScheduledMessagesEnvios"),
        sa.UniqueConstraint(
            "scheduledmessages", "key", name="uq_ScheduledMessagesEnvios_scheduledmessages_key"
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_ScheduledMessagesEnvios_companyId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "scheduledmessages"],
            ["ScheduledMessages.companyId", "ScheduledMessages.id"],
            name="fk_ScheduledMessagesEnvios_companyId_scheduledmessages",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_ScheduledMessagesEnvios_companyId", "ScheduledMessagesEnvios", ["companyId"]
    )


def _create_flow_builders() -> None:
    op.create_table(
        "FlowBuilders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true"),
        sa.Column("flow", postgresql.JSON()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FlowBuilders"),
        sa.UniqueConstraint("company_id", "id", name="uq_FlowBuilders_company_id_id"),
        sa.UniqueConstraint("company_id", "name", name="uq_FlowBuilders_company_id_name"),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"],
            ["Users.companyId", "Users.id"],
            name="fk_FlowBuilders_company_id_user_id",
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["Companies.id"], name="fk_FlowBuilders_company_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_FlowBuilders_user_id",
        "FlowBuilders",
        ["user_id"],
        postgresql_where=sa.text('"user_id" IS NOT NULL'),
    )


def _create_flow_defaults() -> None:
    op.create_table(
        "FlowDefaults",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("flowIdWelcome", sa.Integer()),
        sa.Column("flowIdNotPhrase", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FlowDefaults"),
        sa.UniqueConstraint("companyId", name="uq_FlowDefaults_companyId"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_FlowDefaults_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_FlowDefaults_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "flowIdWelcome"],
            ["FlowBuilders.company_id", "FlowBuilders.id"],
            name="fk_FlowDefaults_companyId_flowIdWelcome",
            ondelete='SET NULL ("flowIdWelcome")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "flowIdNotPhrase"],
            ["FlowBuilders.company_id", "FlowBuilders.id"],
            name="fk_FlowDefaults_companyId_flowIdNotPhrase",
            ondelete='SET NULL ("flowIdNotPhrase")',
        ),
    )
    op.create_index(
        "ix_FlowDefaults_userId",
        "FlowDefaults",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_FlowDefaults_flowIdWelcome",
        "FlowDefaults",
        ["flowIdWelcome"],
        postgresql_where=sa.text('"flowIdWelcome" IS NOT NULL'),
    )
    op.create_index(
        "ix_FlowDefaults_flowIdNotPhrase",
        "FlowDefaults",
        ["flowIdNotPhrase"],
        postgresql_where=sa.text('"flowIdNotPhrase" IS NOT NULL'),
    )


def _create_flow_audios() -> None:
    op.create_table(
        "FlowAudios",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("flowId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FlowAudios"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_FlowAudios_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_FlowAudios_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "flowId"],
            ["FlowBuilders.company_id", "FlowBuilders.id"],
            name="fk_FlowAudios_companyId_flowId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_FlowAudios_companyId_userId", "FlowAudios", ["companyId", "userId"])
    op.create_index(
        "ix_FlowAudios_flowId",
        "FlowAudios",
        ["flowId"],
        postgresql_where=sa.text('"flowId" IS NOT NULL'),
    )


def _create_flow_imgs() -> None:
    op.create_table(
        "FlowImgs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("flowId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FlowImgs"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_FlowImgs_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_FlowImgs_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "flowId"],
            ["FlowBuilders.company_id", "FlowBuilders.id"],
            name="fk_FlowImgs_companyId_flowId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_FlowImgs_companyId_userId", "FlowImgs", ["companyId", "userId"])
    op.create_index(
        "ix_FlowImgs_flowId",
        "FlowImgs",
        ["flowId"],
        postgresql_where=sa.text('"flowId" IS NOT NULL'),
    )


def _create_flow_campaigns() -> None:
    op.create_table(
        "FlowCampaigns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("flowId", sa.Integer(), nullable=False),
        sa.Column("phrase", sa.String(255), nullable=False),
        sa.Column("status", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FlowCampaigns"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_FlowCampaigns_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_FlowCampaigns_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "flowId"],
            ["FlowBuilders.company_id", "FlowBuilders.id"],
            name="fk_FlowCampaigns_companyId_flowId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_FlowCampaigns_companyId_whatsappId",
            ondelete='SET NULL ("whatsappId")',
        ),
    )
    op.create_index("ix_FlowCampaigns_companyId_flowId", "FlowCampaigns", ["companyId", "flowId"])
    op.create_index(
        "ix_FlowCampaigns_userId",
        "FlowCampaigns",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_FlowCampaigns_whatsappId",
        "FlowCampaigns",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )


def _create_webhooks() -> None:
    op.create_table(
        "Webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("hash_id", sa.String(255), nullable=False),
        sa.Column("config", postgresql.JSON()),
        sa.Column("active", sa.Boolean(), server_default="false"),
        sa.Column("requestMonth", sa.Integer(), server_default="0"),
        sa.Column("requestAll", sa.Integer(), server_default="0"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Webhooks"),
        sa.UniqueConstraint("hash_id", name="uq_Webhooks_hash_id"),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"],
            ["Users.companyId", "Users.id"],
            name="fk_Webhooks_company_id_user_id",
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["Companies.id"], name="fk_Webhooks_company_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_Webhooks_company_id_user_id", "Webhooks", ["company_id", "user_id"])
