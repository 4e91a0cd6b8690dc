"""Tickets and what is written with them.

Revision ID: 20261123090400
Revises: 20261123090300
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090400"
down_revision: str | None = "20261123090300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_tickets()
    _create_ticket_tags()
    _create_ticket_traking()
    _create_log_tickets()
    _create_user_ratings()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("UserRatings")
    op.drop_table("LogTickets")
    op.drop_table("TicketTraking")
    op.drop_table("TicketTags")
    op.drop_table("Tickets")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_tickets() -> None:
    op.create_table(
        "Tickets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(255), server_default="pending", nullable=False),
        sa.Column("lastMessage", sa.Text()),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("isGroup", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("unreadMessages", sa.Integer(), server_default="0"),
        sa.Column("queueId", sa.Integer()),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()")),
        sa.Column("chatbot", sa.Boolean(), server_default="false"),
        sa.Column("queueOptionId", sa.Integer()),
        sa.Column("isBot", sa.Boolean(), server_default="false"),
        sa.Column("channel", sa.Text(), server_default="whatsapp"),
        sa.Column("amountUsedBotQueues", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fromMe", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("amountUsedBotQueuesNPS", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sendInactiveMessage", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lgpdAcceptedAt", sa.DateTime(timezone=True)),
        sa.Column("lgpdSendMessageAt", sa.DateTime(timezone=True)),
        sa.Column("imported", sa.DateTime(timezone=True)),
        sa.Column("flowWebhook", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lastFlowId", sa.String(255)),
        sa.Column("dataWebhook", postgresql.JSON()),
        sa.Column("hashFlowId", sa.String(255)),
        sa.Column("useIntegration", sa.Boolean(), server_default="false"),
        sa.Column("integrationId", sa.Integer()),
        sa.Column("isOutOfHour", sa.Boolean(), server_default="false"),
        sa.Column("flowStopped", sa.String(255)),
        sa.Column("isActiveDemand", sa.Boolean(), server_default="false"),
        sa.Column("typebotSessionId", sa.String(255)),
        sa.Column("typebotStatus", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("typebotSessionTime", sa.DateTime(timezone=True)),
        sa.Column("closedAt", sa.DateTime(timezone=True)),
        sa.Column("lid", sa.Text()),
        sa.Column("jid", sa.Text()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Tickets"),
        sa.UniqueConstraint("companyId", "id", name="uq_Tickets_companyId_id"),
        sa.CheckConstraint(
            "status IN ('open', 'pending', 'closed', 'group', 'nps', 'lgpd')",
            name=op.f("ck_Tickets_status"),
        ),
        sa.CheckConstraint('"unreadMessages" >= 0', name=op.f("ck_Tickets_unreadMessages")),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_Tickets_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_Tickets_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Tickets_companyId_whatsappId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Tickets_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Tickets_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueOptionId"],
            ["QueueOptions.companyId", "QueueOptions.id"],
            name="fk_Tickets_companyId_queueOptionId",
            ondelete='SET NULL ("queueOptionId")',
        ),
    )
    op.create_index(
        "uq_Tickets_not_closed",
        "Tickets",
        ["companyId", "whatsappId", "contactId"],
        unique=True,
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_index("idx_tickets_company", "Tickets", ["companyId"])
    op.create_index("idx_tickets_contact", "Tickets", ["contactId"])
    op.create_index("idx_tickets_status", "Tickets", ["status"])
    op.create_index("idx_tickets_user", "Tickets", ["userId"])
    op.create_index("idx_tickets_whatsapp", "Tickets", ["whatsappId"])
    op.create_index("idx_tickets_company_status", "Tickets", ["companyId", "status"])
    op.create_index("idx_tickets_updated", "Tickets", [sa.text('"updatedAt" DESC')])
    op.create_index(
        "ix_Tickets_queueId",
        "Tickets",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Tickets_queueOptionId",
        "Tickets",
        ["queueOptionId"],
        postgresql_where=sa.text('"queueOptionId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Tickets_integrationId",
        "Tickets",
        ["integrationId"],
        postgresql_where=sa.text('"integrationId" IS NOT NULL'),
    )


def _create_ticket_tags() -> None:
    op.create_table(
        "TicketTags",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer(), nullable=False),
        sa.Column("tagId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("ticketId", "tagId", name="pk_TicketTags"),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_TicketTags_companyId_ticketId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "tagId"],
            ["Tags.companyId", "Tags.id"],
            name="fk_TicketTags_companyId_tagId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_TicketTags_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_TicketTags_companyId_tagId", "TicketTags", ["companyId", "tagId"])


def _create_ticket_traking() -> None:
    op.create_table(
        "TicketTraking",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer()),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column("userId", sa.Integer()),
        sa.Column("queuedAt", sa.DateTime(timezone=True)),
        sa.Column("startedAt", sa.DateTime(timezone=True)),
        sa.Column("finishedAt", sa.DateTime(timezone=True)),
        sa.Column("ratingAt", sa.DateTime(timezone=True)),
        sa.Column("rated", sa.Boolean(), server_default="false"),
        sa.Column("closedAt", sa.DateTime(timezone=True)),
        sa.Column("chatbotAt", sa.DateTime(timezone=True)),
        sa.Column("queueId", sa.Integer()),
        sa.Column("createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.Column("updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_TicketTraking"),
        sa.UniqueConstraint("companyId", "id", name="uq_TicketTraking_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_TicketTraking_companyId_ticketId",
            ondelete='SET NULL ("ticketId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_TicketTraking_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_TicketTraking_companyId_whatsappId",
            ondelete='SET NULL ("whatsappId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_TicketTraking_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_TicketTraking_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
    )
    op.create_index(
        "uq_TicketTraking_open",
        "TicketTraking",
        ["ticketId"],
        unique=True,
        postgresql_where=sa.text('"finishedAt" IS NULL'),
    )
    op.create_index(
        "ix_TicketTraking_ticketId",
        "TicketTraking",
        ["ticketId"],
        postgresql_where=sa.text('"ticketId" IS NOT NULL'),
    )
    op.create_index(
        "ix_TicketTraking_whatsappId",
        "TicketTraking",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )
    op.create_index(
        "ix_TicketTraking_userId",
        "TicketTraking",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_TicketTraking_queueId",
        "TicketTraking",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_log_tickets() -> None:
    op.create_table(
        "LogTickets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("ticketId", sa.Integer(), nullable=False),
        sa.Column("queueId", sa.Integer()),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_LogTickets"),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_LogTickets_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_LogTickets_companyId_ticketId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_LogTickets_companyId_queueId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_LogTickets_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_LogTickets_companyId_ticketId", "LogTickets", ["companyId", "ticketId"])
    op.create_index(
        "ix_LogTickets_userId",
        "LogTickets",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_LogTickets_queueId",
        "LogTickets",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )


def _create_user_ratings() -> None:
    op.create_table(
        "UserRatings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer()),
        sa.Column("userId", sa.Integer()),
        sa.Column("rate", sa.Integer(), server_default="0"),
        sa.Column("createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.Column("updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_UserRatings"),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_UserRatings_companyId_ticketId",
            ondelete='SET NULL ("ticketId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_UserRatings_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_UserRatings_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
    )
    op.create_index("ix_UserRatings_companyId_ticketId", "UserRatings", ["companyId", "ticketId"])
    op.create_index(
        "ix_UserRatings_userId",
        "UserRatings",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
