"""Samples of the sizes of database and tables, from which `chatia db size` tells their growth.

Revision ID: 20261203100100
Revises: 20261203090100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261203100100"
down_revision: str | None = "20261203090100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.add_column("Deployment", sa.Column("sizes", JSONB(), server_default="[]", nullable=False))


def downgrade() -> None:
    _limit_waiting()
    op.drop_column("Deployment", "sizes")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
