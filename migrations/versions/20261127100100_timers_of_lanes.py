"""When tickets leave lanes of the kanban board by themselves.

Revision ID: 20261127100100
Revises: 20261126100400
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127100100"
down_revision: str | None = "20261126100400"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.create_table(
        "LaneTimers",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer(), nullable=False),
        sa.Column("laneId", sa.Integer(), nullable=False),
        sa.Column("nextMoveAt", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("companyId", "ticketId", name="pk_LaneTimers"),
        _of_parent("ticketId", "Tickets"),
        _of_parent("laneId", "Tags"),
    )
    op.create_index("ix_LaneTimers_companyId_laneId", "LaneTimers", ["companyId", "laneId"])
    op.create_index(
        "ix_LaneTimers_nextMoveAt",
        "LaneTimers",
        ["nextMoveAt"],
        postgresql_where=sa.text('"nextMoveAt" IS NOT NULL'),
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("LaneTimers")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _of_parent(column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["companyId", column],
        [f"{parent}.companyId", f"{parent}.id"],
        name=f"fk_LaneTimers_companyId_{column}",
        ondelete="CASCADE",
    )
