"""Plans and companies, and what has no other parent.

Revision ID: 20261123090100
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090100"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_plans()
    _create_partners()
    _create_versions()
    _create_companies()
    _create_subscriptions()
    _create_invoices()
    _create_settings()
    _create_companies_settings()
    _create_announcements()
    _create_helps()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("Helps")
    op.drop_table("Announcements")
    op.drop_table("CompaniesSettings")
    op.drop_table("Settings")
    op.drop_table("Invoices")
    op.drop_table("Subscriptions")
    op.drop_table("Companies")
    op.drop_table("Versions")
    op.drop_table("Partners")
    op.drop_table("Plans")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_plans() -> None:
    op.create_table(
        "Plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("users", sa.Integer(), server_default="0"),
        sa.Column("connections", sa.Integer(), server_default="0"),
        sa.Column("queues", sa.Integer(), server_default="0"),
        sa.Column("amount", sa.String(255)),
        sa.Column("useFacebook", sa.Boolean(), server_default="true"),
        sa.Column("useInstagram", sa.Boolean(), server_default="true"),
        sa.Column("useWhatsapp", sa.Boolean(), server_default="true"),
        sa.Column("useCampaigns", sa.Boolean(), server_default="true"),
        sa.Column("useExternalApi", sa.Boolean(), server_default="true"),
        sa.Column("useInternalChat", sa.Boolean(), server_default="true"),
        sa.Column("useSchedules", sa.Boolean(), server_default="true"),
        sa.Column("useKanban", sa.Boolean(), server_default="true"),
        sa.Column("isPublic", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("recurrence", sa.String(255)),
        sa.Column("trial", sa.Boolean(), server_default="false"),
        sa.Column("trialDays", sa.Integer(), server_default="0"),
        sa.Column("useOpenAi", sa.Boolean(), server_default="true"),
        sa.Column("useIntegrations", sa.Boolean(), server_default="true"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Plans"),
        sa.UniqueConstraint("name", name="uq_Plans_name"),
    )


def _create_partners() -> None:
    op.create_table(
        "Partners",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("phone", sa.String(255)),
        sa.Column("email", sa.String(255)),
        sa.Column("document", sa.String(255)),
        sa.Column("commission", sa.Numeric(10, 2), nullable=False),
        sa.Column("typeCommission", sa.String(255), nullable=False),
        sa.Column("walletId", sa.String(255), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Partners"),
        sa.UniqueConstraint("name", name="uq_Partners_name"),
        sa.UniqueConstraint("document", name="uq_Partners_document"),
    )


def _create_versions() -> None:
    op.create_table(
        "Versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("versionFrontend", sa.Text(), nullable=False),
        sa.Column("versionBackend", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Versions"),
    )


def _create_companies() -> None:
    op.create_table(
        "Companies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("phone", sa.String(255)),
        sa.Column("email", sa.String(255)),
        sa.Column("planId", sa.Integer()),
        sa.Column("status", sa.Boolean(), server_default="true"),
        sa.Column("schedules", postgresql.JSONB(), server_default="[]"),
        sa.Column("dueDate", sa.DateTime(timezone=True)),
        sa.Column("recurrence", sa.String(255), server_default=""),
        sa.Column("document", sa.String(255), server_default=""),
        sa.Column("paymentMethod", sa.String(255), server_default=""),
        sa.Column("lastLogin", sa.DateTime(timezone=True)),
        sa.Column("folderSize", sa.String(255)),
        sa.Column("numberFileFolder", sa.String(255)),
        sa.Column("updatedAtFolder", sa.String(255)),
        sa.Column("timezone", sa.String(255), server_default="America/Sao_Paulo"),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Companies"),
        sa.UniqueConstraint("name", name="uq_Companies_name"),
        sa.ForeignKeyConstraint(
            ["planId"], ["Plans.id"], name="fk_Companies_planId", ondelete="SET NULL"
        ),
    )
    op.create_index(
        "ix_Companies_planId",
        "Companies",
        ["planId"],
        postgresql_where=sa.text('"planId" IS NOT NULL'),
    )


def _create_subscriptions() -> None:
    op.create_table(
        "Subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("isActive", sa.Boolean(), server_default="false"),
        sa.Column("expiresAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("userPriceCents", sa.Integer()),
        sa.Column("whatsPriceCents", sa.Integer()),
        sa.Column("lastInvoiceUrl", sa.String(255)),
        sa.Column("lastPlanChange", sa.DateTime(timezone=True)),
        sa.Column("providerSubscriptionId", sa.String(255), nullable=False),
        sa.Column("planId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Subscriptions"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Subscriptions_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["planId"], ["Plans.id"], name="fk_Subscriptions_planId", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_Subscriptions_companyId", "Subscriptions", ["companyId"])
    op.create_index(
        "ix_Subscriptions_planId",
        "Subscriptions",
        ["planId"],
        postgresql_where=sa.text('"planId" IS NOT NULL'),
    )


def _create_invoices() -> None:
    op.create_table(
        "Invoices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("dueDate", sa.String(255)),
        sa.Column("detail", sa.String(255)),
        sa.Column("status", sa.String(255)),
        sa.Column("value", sa.Double()),
        sa.Column("users", sa.Integer(), server_default="0"),
        sa.Column("connections", sa.Integer(), server_default="0"),
        sa.Column("queues", sa.Integer(), server_default="0"),
        sa.Column("useWhatsapp", sa.Boolean(), server_default="true"),
        sa.Column("useFacebook", sa.Boolean(), server_default="true"),
        sa.Column("useInstagram", sa.Boolean(), server_default="true"),
        sa.Column("useCampaigns", sa.Boolean(), server_default="true"),
        sa.Column("useSchedules", sa.Boolean(), server_default="true"),
        sa.Column("useInternalChat", sa.Boolean(), server_default="true"),
        sa.Column("useExternalApi", sa.Boolean(), server_default="true"),
        sa.Column("linkInvoice", sa.Text(), server_default=""),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Invoices"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Invoices_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_Invoices_companyId", "Invoices", ["companyId"])


def _create_settings() -> None:
    op.create_table(
        "Settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer()),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Settings"),
        sa.UniqueConstraint(
            "companyId", "key", name="uq_Settings_companyId_key", postgresql_nulls_not_distinct=True
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Settings_companyId", ondelete="CASCADE"
        ),
    )


def _create_companies_settings() -> None:
    op.create_table(
        "CompaniesSettings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("hoursCloseTicketsAuto", sa.String(255), nullable=False),
        sa.Column("chatBotType", sa.String(255), nullable=False),
        sa.Column("acceptCallWhatsapp", sa.String(255), nullable=False),
        sa.Column("userRandom", sa.String(255), nullable=False),
        sa.Column("sendGreetingMessageOneQueues", sa.String(255), nullable=False),
        sa.Column("sendSignMessage", sa.String(255), nullable=False),
        sa.Column("sendFarewellWaitingTicket", sa.String(255), nullable=False),
        sa.Column("userRating", sa.String(255), nullable=False),
        sa.Column("sendGreetingAccepted", sa.String(255), nullable=False),
        sa.Column("CheckMsgIsGroup", sa.String(255), nullable=False),
        sa.Column("sendQueuePosition", sa.String(255), nullable=False),
        sa.Column("scheduleType", sa.String(255), nullable=False),
        sa.Column("acceptAudioMessageContact", sa.String(255), nullable=False),
        sa.Column("enableLGPD", sa.String(255), nullable=False),
        sa.Column("sendMsgTransfTicket", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("requiredTag", sa.String(255), nullable=False),
        sa.Column("lgpdDeleteMessage", sa.String(255), nullable=False),
        sa.Column("lgpdHideNumber", sa.String(255), nullable=False),
        sa.Column("lgpdConsent", sa.String(255), nullable=False),
        sa.Column("lgpdLink", sa.String(255)),
        sa.Column("lgpdMessage", sa.Text()),
        sa.Column("DirectTicketsToWallets", sa.Boolean(), server_default="false"),
        sa.Column("closeTicketOnTransfer", sa.Boolean(), server_default="false"),
        sa.Column("transferMessage", sa.Text(), server_default=""),
        sa.Column("greetingAcceptedMessage", sa.Text(), server_default=""),
        sa.Column("sendQueuePositionMessage", sa.Text(), server_default=""),
        sa.Column("AcceptCallWhatsappMessage", sa.Text(), server_default=""),
        sa.Column("showNotificationPending", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("overrideDefaultTimezone", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_CompaniesSettings"),
        sa.UniqueConstraint("companyId", name="uq_CompaniesSettings_companyId"),
        sa.ForeignKeyConstraint(
            ["companyId"],
            ["Companies.id"],
            name="fk_CompaniesSettings_companyId",
            ondelete="CASCADE",
        ),
    )


def _create_announcements() -> None:
    op.create_table(
        "Announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer()),
        sa.Column("priority", sa.Integer()),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mediaPath", sa.Text()),
        sa.Column("mediaName", sa.Text()),
        sa.Column("status", sa.Boolean()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Announcements"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Announcements_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Announcements_companyId",
        "Announcements",
        ["companyId"],
        postgresql_where=sa.text('"companyId" IS NOT NULL'),
    )


def _create_helps() -> None:
    op.create_table(
        "Helps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer()),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("video", sa.String(255)),
        sa.Column("link", sa.Text()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Helps"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Helps_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Helps_companyId",
        "Helps",
        ["companyId"],
        postgresql_where=sa.text('"companyId" IS NOT NULL'),
    )
