"""Lines and contacts.

Revision ID: 20261123090300
Revises: 20261123090200
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090300"
down_revision: str | None = "20261123090200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_whatsapps()
    _create_whatsapp_queues()
    _create_baileys()
    _create_contacts()
    _create_contact_custom_fields()
    _create_contact_tags()
    _create_contact_wallets()
    _create_contact_lists()
    _create_contact_list_items()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("ContactListItems")
    op.drop_table("ContactLists")
    op.drop_table("ContactWallets")
    op.drop_table("ContactTags")
    op.drop_table("ContactCustomFields")
    op.drop_table("Contacts")
    op.drop_table("Baileys")
    op.drop_table("WhatsappQueues")
    op.drop_table("Whatsapps")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_whatsapps() -> None:
    op.create_table(
        "Whatsapps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("session", sa.Text()),
        sa.Column("qrcode", sa.Text()),
        sa.Column("status", sa.String(255)),
        sa.Column("battery", sa.String(255)),
        sa.Column("plugged", sa.Boolean()),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("isDefault", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("greetingMessage", sa.Text()),
        sa.Column("complationMessage", sa.Text()),
        sa.Column("outOfHoursMessage", sa.Text()),
        sa.Column("token", sa.Text()),
        sa.Column("farewellMessage", sa.Text()),
        sa.Column("provider", sa.Text(), server_default="stable"),
        sa.Column("number", sa.Text()),
        sa.Column("channel", sa.Text()),
        sa.Column("facebookUserToken", sa.Text()),
        sa.Column("tokenMeta", sa.Text()),
        sa.Column("facebookPageUserId", sa.Text()),
        sa.Column("facebookUserId", sa.Text()),
        sa.Column("maxUseBotQueues", sa.Integer(), server_default="3"),
        sa.Column("expiresTicket", sa.Integer(), server_default="0"),
        sa.Column("allowGroup", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("timeUseBotQueues", sa.String(255), server_default="0", nullable=False),
        sa.Column("timeSendQueue", sa.Integer(), server_default="0"),
        sa.Column("sendIdQueue", sa.Integer()),
        sa.Column("expiresInactiveMessage", sa.Text()),
        sa.Column("whenExpiresTicket", sa.String(255), server_default=""),
        sa.Column("inactiveMessage", sa.String(255), server_default=""),
        sa.Column("timeInactiveMessage", sa.String(255), server_default=""),
        sa.Column("maxUseBotQueuesNPS", sa.Integer(), server_default="0"),
        sa.Column("expiresTicketNPS", sa.String(255), server_default=""),
        sa.Column("ratingMessage", sa.Text()),
        sa.Column("groupAsTicket", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("importOldMessages", sa.Text()),
        sa.Column("importRecentMessages", sa.Text()),
        sa.Column("statusImportMessages", sa.String(255)),
        sa.Column("closedTicketsPostImported", sa.Boolean()),
        sa.Column("importOldMessagesGroups", sa.Boolean()),
        sa.Column("timeCreateNewTicket", sa.Integer()),
        sa.Column("greetingMediaAttachment", sa.String(255)),
        sa.Column("promptId", sa.Integer()),
        sa.Column("integrationId", sa.Integer()),
        sa.Column("schedules", postgresql.JSONB(), server_default="[]"),
        sa.Column("collectiveVacationEnd", sa.String(255)),
        sa.Column("collectiveVacationMessage", sa.Text()),
        sa.Column("collectiveVacationStart", sa.String(255)),
        sa.Column("queueIdImportMessages", sa.Integer()),
        sa.Column("flowIdNotPhrase", sa.Integer()),
        sa.Column("flowIdWelcome", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Whatsapps"),
        sa.UniqueConstraint("companyId", "id", name="uq_Whatsapps_companyId_id"),
        sa.UniqueConstraint(
            "companyId",
            "channel",
            "name",
            name="uq_Whatsapps_companyId_channel_name",
            postgresql_nulls_not_distinct=True,
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Whatsapps_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "sendIdQueue"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Whatsapps_companyId_sendIdQueue",
            ondelete='SET NULL ("sendIdQueue")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueIdImportMessages"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Whatsapps_companyId_queueIdImportMessages",
            ondelete='SET NULL ("queueIdImportMessages")',
        ),
    )
    op.create_index(
        "uq_Whatsapps_default",
        "Whatsapps",
        ["companyId"],
        unique=True,
        postgresql_where=sa.text('"isDefault"'),
    )
    op.create_index(
        "ix_Whatsapps_sendIdQueue",
        "Whatsapps",
        ["sendIdQueue"],
        postgresql_where=sa.text('"sendIdQueue" IS NOT NULL'),
    )
    op.create_index(
        "ix_Whatsapps_promptId",
        "Whatsapps",
        ["promptId"],
        postgresql_where=sa.text('"promptId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Whatsapps_integrationId",
        "Whatsapps",
        ["integrationId"],
        postgresql_where=sa.text('"integrationId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Whatsapps_queueIdImportMessages",
        "Whatsapps",
        ["queueIdImportMessages"],
        postgresql_where=sa.text('"queueIdImportMessages" IS NOT NULL'),
    )
    op.create_index(
        "ix_Whatsapps_flowIdNotPhrase",
        "Whatsapps",
        ["flowIdNotPhrase"],
        postgresql_where=sa.text('"flowIdNotPhrase" IS NOT NULL'),
    )
    op.create_index(
        "ix_Whatsapps_flowIdWelcome",
        "Whatsapps",
        ["flowIdWelcome"],
        postgresql_where=sa.text('"flowIdWelcome" IS NOT NULL'),
    )


def _create_whatsapp_queues() -> None:
    op.create_table(
        "WhatsappQueues",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("queueId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("whatsappId", "queueId", name="pk_WhatsappQueues"),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_WhatsappQueues_companyId_whatsappId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_WhatsappQueues_companyId_queueId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_WhatsappQueues_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_WhatsappQueues_companyId_queueId", "WhatsappQueues", ["companyId", "queueId"]
    )


def _create_baileys() -> None:
    op.create_table(
        "Baileys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("contacts", postgresql.JSONB()),
        sa.Column("chats", postgresql.JSONB()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Baileys"),
        sa.UniqueConstraint("companyId", "whatsappId", name="uq_Baileys_companyId_whatsappId"),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Baileys_companyId_whatsappId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Baileys_companyId", ondelete="CASCADE"
        ),
    )


def _create_contacts() -> None:
    op.create_table(
        "Contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("number", sa.String(255)),
        sa.Column("profilePicUrl", sa.Text()),
        sa.Column("email", sa.String(255), server_default="", nullable=False),
        sa.Column("isGroup", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("acceptAudioMessage", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("channel", sa.Text(), server_default="whatsapp"),
        sa.Column("active", sa.Boolean(), server_default="true"),
        sa.Column("disableBot", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("remoteJid", sa.String(255)),
        sa.Column("lgpdAcceptedAt", sa.DateTime(timezone=True)),
        sa.Column("urlPicture", sa.Text()),
        sa.Column("pictureUpdated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column("lid", sa.Text()),
        sa.Column("jid", sa.Text()),
        sa.Column("mergedIntoContactId", sa.Integer()),
        sa.Column("blocked", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Contacts"),
        sa.UniqueConstraint("companyId", "id", name="uq_Contacts_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Contacts_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Contacts_companyId_whatsappId",
            ondelete='SET NULL ("whatsappId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "mergedIntoContactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_Contacts_companyId_mergedIntoContactId",
            ondelete='SET NULL ("mergedIntoContactId")',
        ),
    )
    op.create_index("idx_contacts_company_number", "Contacts", ["companyId", "number"], unique=True)
    op.create_index(
        "uq_Contacts_companyId_lid",
        "Contacts",
        ["companyId", "lid"],
        unique=True,
        postgresql_where=sa.text("lid IS NOT NULL"),
    )
    op.create_index(
        "uq_Contacts_companyId_jid",
        "Contacts",
        ["companyId", "jid"],
        unique=True,
        postgresql_where=sa.text("jid IS NOT NULL"),
    )
    op.create_index("idx_contacts_company", "Contacts", ["companyId"])
    op.create_index("idx_contacts_number", "Contacts", ["number"])
    op.create_index("idx_contacts_active", "Contacts", ["active"])
    op.create_index(
        "ix_Contacts_whatsappId",
        "Contacts",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Contacts_mergedIntoContactId",
        "Contacts",
        ["mergedIntoContactId"],
        postgresql_where=sa.text('"mergedIntoContactId" IS NOT NULL'),
    )


def _create_contact_custom_fields() -> None:
    op.create_table(
        "ContactCustomFields",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ContactCustomFields"),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_ContactCustomFields_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_ContactCustomFields_companyId",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_ContactCustomFields_companyId_contactId",
        "ContactCustomFields",
        ["companyId", "contactId"],
    )


def _create_contact_tags() -> None:
    op.create_table(
        "ContactTags",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column("tagId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("contactId", "tagId", name="pk_ContactTags"),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_ContactTags_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "tagId"],
            ["Tags.companyId", "Tags.id"],
            name="fk_ContactTags_companyId_tagId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ContactTags_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_ContactTags_companyId_tagId", "ContactTags", ["companyId", "tagId"])


def _create_contact_wallets() -> None:
    op.create_table(
        "ContactWallets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("walletId", sa.Integer(), nullable=False),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ContactWallets"),
        sa.UniqueConstraint("walletId", "contactId", name="uq_ContactWallets_walletId_contactId"),
        sa.ForeignKeyConstraint(
            ["companyId", "walletId"],
            ["Users.companyId", "Users.id"],
            name="fk_ContactWallets_companyId_walletId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_ContactWallets_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ContactWallets_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_ContactWallets_companyId_contactId", "ContactWallets", ["companyId", "contactId"]
    )


def _create_contact_lists() -> None:
    op.create_table(
        "ContactLists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ContactLists"),
        sa.UniqueConstraint("companyId", "id", name="uq_ContactLists_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ContactLists_companyId", ondelete="CASCADE"
        ),
    )


def _create_contact_list_items() -> None:
    op.create_table(
        "ContactListItems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("number", sa.String(255), nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("contactListId", sa.Integer(), nullable=False),
        sa.Column("isWhatsappValid", sa.Boolean(), server_default="false"),
        sa.Column("isGroup", sa.Boolean(), server_default="false"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ContactListItems"),
        sa.UniqueConstraint("companyId", "id", name="uq_ContactListItems_companyId_id"),
        sa.UniqueConstraint(
            "contactListId", "number", name="uq_ContactListItems_contactListId_number"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactListId"],
            ["ContactLists.companyId", "ContactLists.id"],
            name="fk_ContactListItems_companyId_contactListId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_ContactListItems_companyId",
            ondelete="CASCADE",
        ),
    )
