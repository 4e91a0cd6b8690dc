"""Who replayed or discarded a dead letter, when, and what came of it.

Revision ID: 20261124090100
Revises: 20261123090900
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124090100"
down_revision: str | None = "20261123090900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.add_column(
        "DeadLetters",
        sa.Column("history", postgresql.JSONB(), server_default="[]", nullable=False),
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_column("DeadLetters", "history")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
