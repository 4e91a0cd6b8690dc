"""How long companies keep messages and closed tickets.

Revision ID: 20261203110300
Revises: 20261203110200
"""

import sqlalchemy as sa
from alembic import op

revision = "20261203110300"
down_revision: str | None = "20261203110200"
branch_labels = None
depends_on = None

TABLE = "CompaniesSettings"
COLUMNS = ("messageRetentionDays", "closedTicketRetentionDays")


def upgrade() -> None:
    _limit_waiting()
    for name in COLUMNS:
        op.add_column(TABLE, sa.Column(name, sa.Integer(), nullable=True))
        op.create_check_constraint(
            op.f(f"ck_{TABLE}_{name}_range"), TABLE, f'"{name}" BETWEEN 30 AND 36500'
        )


def downgrade() -> None:
    _limit_waiting()
    for name in reversed(COLUMNS):
        op.drop_column(TABLE, name)


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
