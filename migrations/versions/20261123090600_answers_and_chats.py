"""Automatic answers, files and the chats of users.

Revision ID: 20261123090600
Revises: 20261123090500
"""

import sqlalchemy as sa
from alembic import op

revision = "20261123090600"
down_revision: str | None = "20261123090500"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_files()
    _create_files_options()
    _create_queue_integrations()
    _create_prompts()
    _create_integrations()
    _create_chatbots()
    _create_dialog_chat_bots()
    _create_quick_messages()
    _create_chats()
    _create_chat_users()
    _create_chat_messages()
    _create_api_usages()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("ApiUsages")
    op.drop_table("ChatMessages")
    op.drop_table("ChatUsers")
    op.drop_table("Chats")
    op.drop_table("QuickMessages")
    op.drop_table("DialogChatBots")
    op.drop_table("Chatbots")
    op.drop_table("Integrations")
    op.drop_table("Prompts")
    op.drop_table("QueueIntegrations")
    op.drop_table("FilesOptions")
    op.drop_table("Files")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_files() -> None:
    op.create_table(
        "Files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Files"),
        sa.UniqueConstraint("companyId", "id", name="uq_Files_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Files_companyId", ondelete="CASCADE"
        ),
    )


def _create_files_options() -> None:
    op.create_table(
        "FilesOptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("fileId", sa.Integer(), nullable=False),
        sa.Column("mediaType", sa.String(255), server_default=""),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_FilesOptions"),
        sa.ForeignKeyConstraint(
            ["companyId", "fileId"],
            ["Files.companyId", "Files.id"],
            name="fk_FilesOptions_companyId_fileId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_FilesOptions_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_FilesOptions_companyId_fileId", "FilesOptions", ["companyId", "fileId"])


def _create_queue_integrations() -> None:
    op.create_table(
        "QueueIntegrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("projectName", sa.String(255), nullable=False),
        sa.Column("jsonContent", sa.Text(), nullable=False),
        sa.Column("language", sa.String(255), nullable=False),
        sa.Column("urlN8N", sa.String(255), nullable=False),
        sa.Column("typebotSlug", sa.String(255), server_default="", nullable=False),
        sa.Column("typebotKeywordFinish", sa.String(255), server_default="", nullable=False),
        sa.Column("typebotUnknownMessage", sa.String(255), server_default="", nullable=False),
        sa.Column("typebotExpires", sa.Integer(), server_default="0", nullable=False),
        sa.Column("typebotDelayMessage", sa.Integer(), server_default="1000", nullable=False),
        sa.Column("typebotKeywordRestart", sa.String(255), server_default=""),
        sa.Column("typebotRestartMessage", sa.String(255), server_default=""),
        sa.Column("queueId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_QueueIntegrations"),
        sa.UniqueConstraint("companyId", "id", name="uq_QueueIntegrations_companyId_id"),
        sa.UniqueConstraint("companyId", "name", name="uq_QueueIntegrations_companyId_name"),
        sa.UniqueConstraint(
            "companyId", "projectName", name="uq_QueueIntegrations_companyId_projectName"
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_QueueIntegrations_companyId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_QueueIntegrations_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
    )
    op.create_index(
        "ix_QueueIntegrations_queueId",
        "QueueIntegrations",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_prompts() -> None:
    op.create_table(
        "Prompts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("apiKey", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("maxTokens", sa.Integer(), server_default="100", nullable=False),
        sa.Column("maxMessages", sa.Integer(), server_default="10", nullable=False),
        sa.Column("temperature", sa.Integer(), server_default="1", nullable=False),
        sa.Column("promptTokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completionTokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("totalTokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("voice", sa.Text()),
        sa.Column("voiceKey", sa.Text()),
        sa.Column("voiceRegion", sa.Text()),
        sa.Column("queueId", sa.Integer()),
        sa.Column("model", sa.String(255), server_default="gpt-3.5-turbo-1106", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Prompts"),
        sa.UniqueConstraint("companyId", "id", name="uq_Prompts_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Prompts_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Prompts_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Prompts_queueId",
        "Prompts",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_integrations() -> None:
    op.create_table(
        "Integrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("isActive", sa.Boolean(), server_default="false"),
        sa.Column("token", sa.Text()),
        sa.Column("foneContact", sa.String(255)),
        sa.Column("userLogin", sa.String(255)),
        sa.Column("passLogin", sa.String(255)),
        sa.Column("finalCurrentMonth", sa.Integer()),
        sa.Column("initialCurrentMonth", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Integrations"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Integrations_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_Integrations_companyId", "Integrations", ["companyId"])


def _create_chatbots() -> None:
    op.create_table(
        "Chatbots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("queueId", sa.Integer()),
        sa.Column("chatbotId", sa.Integer()),
        sa.Column("greetingMessage", sa.Text()),
        sa.Column("isAgent", sa.Boolean(), server_default="false"),
        sa.Column("optQueueId", sa.Integer()),
        sa.Column("optUserId", sa.Integer()),
        sa.Column("queueType", sa.String(255), server_default="text", nullable=False),
        sa.Column("optIntegrationId", sa.Integer()),
        sa.Column("optFileId", sa.Integer()),
        sa.Column("closeTicket", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Chatbots"),
        sa.UniqueConstraint("companyId", "id", name="uq_Chatbots_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Chatbots_companyId_queueId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "chatbotId"],
            ["Chatbots.companyId", "Chatbots.id"],
            name="fk_Chatbots_companyId_chatbotId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "optQueueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Chatbots_companyId_optQueueId",
            ondelete='SET NULL ("optQueueId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "optUserId"],
            ["Users.companyId", "Users.id"],
            name="fk_Chatbots_companyId_optUserId",
            ondelete='SET NULL ("optUserId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "optIntegrationId"],
            ["QueueIntegrations.companyId", "QueueIntegrations.id"],
            name="fk_Chatbots_companyId_optIntegrationId",
            ondelete='SET NULL ("optIntegrationId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "optFileId"],
            ["Files.companyId", "Files.id"],
            name="fk_Chatbots_companyId_optFileId",
            ondelete='SET NULL ("optFileId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Chatbots_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Chatbots_queueId",
        "Chatbots",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Chatbots_chatbotId",
        "Chatbots",
        ["chatbotId"],
        postgresql_where=sa.text('"chatbotId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Chatbots_optQueueId",
        "Chatbots",
        ["optQueueId"],
        postgresql_where=sa.text('"optQueueId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Chatbots_optUserId",
        "Chatbots",
        ["optUserId"],
        postgresql_where=sa.text('"optUserId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Chatbots_optIntegrationId",
        "Chatbots",
        ["optIntegrationId"],
        postgresql_where=sa.text('"optIntegrationId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Chatbots_optFileId",
        "Chatbots",
        ["optFileId"],
        postgresql_where=sa.text('"optFileId" IS NOT NULL'),
    )


def _create_dialog_chat_bots() -> None:
    op.create_table(
        "DialogChatBots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("awaiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("contactId", sa.Integer()),
        sa.Column("chatbotId", sa.Integer()),
        sa.Column("queueId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_DialogChatBots"),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_DialogChatBots_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "chatbotId"],
            ["Chatbots.companyId", "Chatbots.id"],
            name="fk_DialogChatBots_companyId_chatbotId",
            ondelete='SET NULL ("chatbotId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_DialogChatBots_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_DialogChatBots_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_DialogChatBots_companyId_contactId", "DialogChatBots", ["companyId", "contactId"]
    )
    op.create_index(
        "ix_DialogChatBots_chatbotId",
        "DialogChatBots",
        ["chatbotId"],
        postgresql_where=sa.text('"chatbotId" IS NOT NULL'),
    )
    op.create_index(
        "ix_DialogChatBots_queueId",
        "DialogChatBots",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_quick_messages() -> None:
    op.create_table(
        "QuickMessages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("shortcode", sa.String(255), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("userId", sa.Integer()),
        sa.Column("mediaPath", sa.String(255)),
        sa.Column("mediaName", sa.String(255)),
        sa.Column("geral", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("visao", sa.Boolean(), server_default="true"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_QuickMessages"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_QuickMessages_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_QuickMessages_companyId_userId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_QuickMessages_companyId_userId", "QuickMessages", ["companyId", "userId"])


def _create_chats() -> None:
    op.create_table(
        "Chats",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), server_default=""),
        sa.Column("uuid", sa.String(255), server_default=""),
        sa.Column("ownerId", sa.Integer(), nullable=False),
        sa.Column("lastMessage", sa.Text()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Chats"),
        sa.UniqueConstraint("companyId", "id", name="uq_Chats_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId", "ownerId"],
            ["Users.companyId", "Users.id"],
            name="fk_Chats_companyId_ownerId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Chats_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_Chats_ownerId", "Chats", ["ownerId"])


def _create_chat_users() -> None:
    op.create_table(
        "ChatUsers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("chatId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.Column("unreads", sa.Integer(), server_default="0"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ChatUsers"),
        sa.UniqueConstraint("chatId", "userId", name="uq_ChatUsers_chatId_userId"),
        sa.ForeignKeyConstraint(
            ["companyId", "chatId"],
            ["Chats.companyId", "Chats.id"],
            name="fk_ChatUsers_companyId_chatId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_ChatUsers_companyId_userId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ChatUsers_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_ChatUsers_companyId_userId", "ChatUsers", ["companyId", "userId"])


def _create_chat_messages() -> None:
    op.create_table(
        "ChatMessages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("chatId", sa.Integer(), nullable=False),
        sa.Column("senderId", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), server_default=""),
        sa.Column("mediaPath", sa.Text()),
        sa.Column("mediaName", sa.Text()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ChatMessages"),
        sa.ForeignKeyConstraint(
            ["companyId", "chatId"],
            ["Chats.companyId", "Chats.id"],
            name="fk_ChatMessages_companyId_chatId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "senderId"],
            ["Users.companyId", "Users.id"],
            name="fk_ChatMessages_companyId_senderId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ChatMessages_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_ChatMessages_companyId_chatId", "ChatMessages", ["companyId", "chatId"])
    op.create_index("ix_ChatMessages_senderId", "ChatMessages", ["senderId"])


def _create_api_usages() -> None:
    op.create_table(
        "ApiUsages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("dateUsed", sa.Text(), nullable=False),
        sa.Column("UsedOnDay", sa.Integer(), server_default="0"),
        sa.Column("usedText", sa.Integer(), server_default="0"),
        sa.Column("usedPDF", sa.Integer(), server_default="0"),
        sa.Column("usedImage", sa.Integer(), server_default="0"),
        sa.Column("usedVideo", sa.Integer(), server_default="0"),
        sa.Column("usedOther", sa.Integer(), server_default="0"),
        sa.Column("usedCheckNumber", sa.Integer(), server_default="0"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ApiUsages"),
        sa.UniqueConstraint("companyId", "dateUsed", name="uq_ApiUsages_companyId_dateUsed"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ApiUsages_companyId", ondelete="CASCADE"
        ),
    )
