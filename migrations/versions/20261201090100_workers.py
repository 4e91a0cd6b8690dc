"""What workers report about themselves; indexes of open dead letters and unsent messages.

Revision ID: 20261201090100
Revises: 20261130090200
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261201090100"
down_revision: str | None = "20261130090200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.create_table(
        "Workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("processId", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("halted", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        _now("startedAt"),
        _now("reportedAt"),
        sa.PrimaryKeyConstraint("id", name="pk_Workers"),
    )
    op.create_check_constraint(
        op.f("ck_DeadLetters_reason_length"), "DeadLetters", "char_length(reason) <= 255"
    )
    op.create_index(
        "ix_DeadLetters_open",
        "DeadLetters",
        ["service", "reason"],
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "ix_Sends_unsent",
        "Sends",
        ["createdAt"],
        postgresql_where=sa.text("status IN ('queued', 'waiting', 'claimed')"),
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_index("ix_Sends_unsent", "Sends")
    op.drop_index("ix_DeadLetters_open", "DeadLetters")
    op.drop_constraint(op.f("ck_DeadLetters_reason_length"), "DeadLetters")
    op.drop_table("Workers")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _now(column: str) -> sa.Column[sa.DateTime]:
    return sa.Column(
        column, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
