"""Tables for the delivery of events and for the deployment itself.

Revision ID: 20261123090800
Revises: 20261123090700
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123090800"
down_revision: str | None = "20261123090700"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_deployment()
    _create_checkpoints()
    _create_dead_letters()
    _create_requests()
    _create_gateway_connections()
    _create_awaited_quotes()
    _create_line_send_rates()
    _create_seed_rows()
    op.execute('INSERT INTO "Deployment" DEFAULT VALUES')


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("SeedRows")
    op.drop_table("LineSendRates")
    op.drop_table("AwaitedQuotes")
    op.drop_table("GatewayConnections")
    op.drop_table("Requests")
    op.drop_table("DeadLetters")
    op.drop_table("Checkpoints")
    op.drop_table("Deployment")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_deployment() -> None:
    op.create_table(
        "Deployment",
        sa.Column(
            "id",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Deployment"),
        sa.CheckConstraint("id = 1", name=op.f("ck_Deployment_single")),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "Checkpoints",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("nextOffset", sa.BigInteger(), nullable=False),
        sa.Column("lastTimestamp", sa.BigInteger()),
        sa.Column("lastCrc", sa.BigInteger()),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outbox", sa.LargeBinary()),
        sa.Column("seen", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("service", "topic", "partition", name="pk_Checkpoints"),
        postgresql_with={"fillfactor": "50"},
    )


def _create_dead_letters() -> None:
    op.create_table(
        "DeadLetters",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("headers", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("sqlstate", sa.Text()),
        sa.Column("companyId", sa.Integer()),
        sa.Column("recordTimestamp", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_DeadLetters"),
        sa.UniqueConstraint(
            "service",
            "topic",
            "partition",
            "offset",
            name="uq_DeadLetters_service_topic_partition_offset",
        ),
        sa.CheckConstraint(
            "status IN ('open', 'replayed', 'resolved', 'discarded')",
            name=op.f("ck_DeadLetters_status"),
        ),
    )


def _create_requests() -> None:
    op.create_table(
        "Requests",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("requestId", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("service", "companyId", "requestId", name="pk_Requests"),
    )


def _create_gateway_connections() -> None:
    op.create_table(
        "GatewayConnections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), server_default="", nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_GatewayConnections"),
        sa.UniqueConstraint(
            "gateway", "instance", "server", name="uq_GatewayConnections_gateway_instance_server"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_GatewayConnections_companyId_whatsappId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_GatewayConnections_whatsappId", "GatewayConnections", ["whatsappId"])


def _create_awaited_quotes() -> None:
    op.create_table(
        "AwaitedQuotes",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("wid", sa.Text(), nullable=False),
        sa.Column("messageId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "companyId", "whatsappId", "wid", "messageId", name="pk_AwaitedQuotes"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "messageId"],
            ["Messages.companyId", "Messages.id"],
            name="fk_AwaitedQuotes_companyId_messageId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_AwaitedQuotes_messageId", "AwaitedQuotes", ["messageId"])


def _create_line_send_rates() -> None:
    op.create_table(
        "LineSendRates",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("intervalMs", sa.Integer(), nullable=False),
        sa.Column(
            "nextSendAt",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("companyId", "whatsappId", name="pk_LineSendRates"),
        sa.CheckConstraint('"intervalMs" > 0', name=op.f("ck_LineSendRates_intervalMs")),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_LineSendRates_companyId_whatsappId",
            ondelete="CASCADE",
        ),
    )


def _create_seed_rows() -> None:
    op.create_table(
        "SeedRows",
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("tableName", sa.Text(), nullable=False),
        sa.Column("rowId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seed", "tableName", "rowId", name="pk_SeedRows"),
    )
