"""Sends: each is claimed once, and its answer joins what the gateway calls the message.

Revision ID: 20261126100300
Revises: 20261126100200
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261126100300"
down_revision: str | None = "20261126100200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_sends()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("Sends")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_sends() -> None:
    op.create_table(
        "Sends",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("sendId", sa.Text(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("wid", sa.Text(), nullable=False),
        sa.Column("messageId", sa.Integer()),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("place", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("request", postgresql.JSONB()),
        sa.Column("expiresAt", sa.DateTime(timezone=True)),
        sa.Column("nextTryAt", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimedAt", sa.DateTime(timezone=True)),
        sa.Column("errorClass", sa.Text()),
        sa.Column("errorCode", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("answeredAt", sa.DateTime(timezone=True)),
        sa.Column("isUntold", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("companyId", "sendId", name="pk_Sends"),
        sa.UniqueConstraint(
            "companyId", "whatsappId", "wid", name="uq_Sends_companyId_whatsappId_wid"
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'waiting', 'claimed', 'unknown', 'failed', 'sent')",
            name=op.f("ck_Sends_status"),
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Sends_companyId_whatsappId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "messageId"],
            ["Messages.companyId", "Messages.id"],
            name="fk_Sends_companyId_messageId",
            ondelete='SET NULL ("messageId")',
        ),
    )
    op.create_index(
        "ix_Sends_under_way",
        "Sends",
        ["companyId", "whatsappId", "chat", "place"],
        postgresql_where=sa.text("status IN ('waiting', 'claimed')"),
    )
    op.create_index(
        "ix_Sends_next",
        "Sends",
        ["companyId", "whatsappId", "place"],
        postgresql_where=sa.text("status IN ('waiting', 'claimed')"),
    )
    op.create_index("ix_Sends_untold", "Sends", ["place"], postgresql_where=sa.text('"isUntold"'))
    op.create_index(
        "ix_Sends_messageId",
        "Sends",
        ["messageId"],
        postgresql_where=sa.text('"messageId" IS NOT NULL'),
    )
