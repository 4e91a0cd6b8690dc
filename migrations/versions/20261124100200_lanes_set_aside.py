"""A checkpoint remembers whose records wait for the bulk lane.

Revision ID: 20261124100200
Revises: 20261124100100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124100200"
down_revision: str | None = "20261124100100"
branch_labels = None
depends_on = None


# Without the column nobody would know of the records that wait.
REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM "Checkpoints" WHERE aside <> '{}') THEN
    RAISE EXCEPTION 'records stand aside; let the workers take them before going back';
  END IF;
END $$
"""


def upgrade() -> None:
    _limit_waiting()
    op.add_column(
        "Checkpoints",
        sa.Column("aside", postgresql.JSONB(), server_default="{}", nullable=False),
    )


def downgrade() -> None:
    _limit_waiting()
    op.execute(REFUSE)
    op.drop_column("Checkpoints", "aside")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
