"""Users, queues and tags.

Revision ID: 20261123090200
Revises: 20261123090100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090200"
down_revision: str | None = "20261123090100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_users()
    _create_queues()
    _create_queue_options()
    _create_user_queues()
    _create_tags()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("Tags")
    op.drop_table("UserQueues")
    op.drop_table("QueueOptions")
    op.drop_table("Queues")
    op.drop_table("Users")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_users() -> None:
    op.create_table(
        "Users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("passwordHash", sa.String(255), nullable=False),
        sa.Column("profile", sa.String(255), server_default="admin", nullable=False),
        sa.Column("tokenVersion", sa.Integer(), server_default="0", nullable=False),
        sa.Column("super", sa.Boolean(), server_default="false"),
        sa.Column("online", sa.Boolean(), server_default="false"),
        sa.Column("endWork", sa.String(255), server_default="23:59"),
        sa.Column("startWork", sa.String(255), server_default="00:00"),
        sa.Column("color", sa.String(255)),
        sa.Column("farewellMessage", sa.Text()),
        sa.Column("whatsappId", sa.Integer()),
        sa.Column("allTicket", sa.String(255), server_default="disable", nullable=False),
        sa.Column("allowGroup", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("defaultTheme", sa.String(255), server_default="light", nullable=False),
        sa.Column("defaultMenu", sa.String(255), server_default="closed", nullable=False),
        sa.Column("profileImage", sa.String(255)),
        sa.Column("allHistoric", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("allUserChat", sa.String(255), server_default="disabled", nullable=False),
        sa.Column(
            "userClosePendingTicket", sa.String(255), server_default="enabled", nullable=False
        ),
        sa.Column("showDashboard", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("defaultTicketsManagerWidth", sa.Integer(), server_default="550", nullable=False),
        sa.Column("allowRealTime", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("allowConnections", sa.String(255), server_default="disabled", nullable=False),
        sa.Column("language", sa.String(255), server_default="pt-BR", nullable=False),
        sa.Column("resetPasswordToken", sa.String(255)),
        sa.Column("resetPasswordExpires", sa.DateTime(timezone=True)),
        sa.Column("passwordResetToken", sa.String(255)),
        sa.Column("passwordResetExpires", sa.DateTime(timezone=True)),
        sa.Column("canViewAllContacts", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Users"),
        sa.UniqueConstraint("companyId", "id", name="uq_Users_companyId_id"),
        sa.UniqueConstraint("email", name="uq_Users_email"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Users_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Users_whatsappId",
        "Users",
        ["whatsappId"],
        postgresql_where=sa.text('"whatsappId" IS NOT NULL'),
    )


def _create_queues() -> None:
    op.create_table(
        "Queues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("color", sa.String(255), nullable=False),
        sa.Column("greetingMessage", sa.Text()),
        sa.Column("schedules", postgresql.JSONB(), server_default="[]"),
        sa.Column("outOfHoursMessage", sa.Text()),
        sa.Column("orderQueue", sa.Integer()),
        sa.Column("tempoRoteador", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ativarRoteador", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("integrationId", sa.Integer()),
        sa.Column("fileListId", sa.Integer()),
        sa.Column("closeTicket", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Queues"),
        sa.UniqueConstraint("companyId", "id", name="uq_Queues_companyId_id"),
        sa.UniqueConstraint("companyId", "name", name="uq_Queues_companyId_name"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Queues_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_Queues_integrationId",
        "Queues",
        ["integrationId"],
        postgresql_where=sa.text('"integrationId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Queues_fileListId",
        "Queues",
        ["fileListId"],
        postgresql_where=sa.text('"fileListId" IS NOT NULL'),
    )


def _create_queue_options() -> None:
    op.create_table(
        "QueueOptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("option", sa.Text()),
        sa.Column("queueId", sa.Integer()),
        sa.Column("parentId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_QueueOptions"),
        sa.UniqueConstraint("companyId", "id", name="uq_QueueOptions_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_QueueOptions_companyId_queueId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "parentId"],
            ["QueueOptions.companyId", "QueueOptions.id"],
            name="fk_QueueOptions_companyId_parentId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_QueueOptions_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_QueueOptions_queueId",
        "QueueOptions",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )
    op.create_index(
        "ix_QueueOptions_parentId",
        "QueueOptions",
        ["parentId"],
        postgresql_where=sa.text('"parentId" IS NOT NULL'),
    )


def _create_user_queues() -> None:
    op.create_table(
        "UserQueues",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.Column("queueId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("userId", "queueId", name="pk_UserQueues"),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_UserQueues_companyId_userId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_UserQueues_companyId_queueId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_UserQueues_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_UserQueues_companyId_queueId", "UserQueues", ["companyId", "queueId"])


def _create_tags() -> None:
    op.create_table(
        "Tags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("color", sa.String(255)),
        sa.Column("kanban", sa.Integer()),
        sa.Column("nextLaneId", sa.Integer()),
        sa.Column("timeLane", sa.Integer(), server_default="0"),
        sa.Column("greetingMessageLane", sa.Text()),
        sa.Column("rollbackLaneId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Tags"),
        sa.UniqueConstraint("companyId", "id", name="uq_Tags_companyId_id"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Tags_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "nextLaneId"],
            ["Tags.companyId", "Tags.id"],
            name="fk_Tags_companyId_nextLaneId",
            ondelete='SET NULL ("nextLaneId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "rollbackLaneId"],
            ["Tags.companyId", "Tags.id"],
            name="fk_Tags_companyId_rollbackLaneId",
            ondelete='SET NULL ("rollbackLaneId")',
        ),
    )
    op.create_index(
        "ix_Tags_nextLaneId",
        "Tags",
        ["nextLaneId"],
        postgresql_where=sa.text('"nextLaneId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Tags_rollbackLaneId",
        "Tags",
        ["rollbackLaneId"],
        postgresql_where=sa.text('"rollbackLaneId" IS NOT NULL'),
    )
