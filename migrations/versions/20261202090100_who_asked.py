"""Requests say what was asked, and who asked.

Revision ID: 20261202090100
Revises: 20261201090100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261202090100"
down_revision: str | None = "20261201090100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.add_column("Requests", sa.Column("type", sa.Text(), nullable=True))
    op.add_column("Requests", sa.Column("actor", sa.Text(), nullable=True))


def downgrade() -> None:
    _limit_waiting()
    op.drop_column("Requests", "actor")
    op.drop_column("Requests", "type")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
