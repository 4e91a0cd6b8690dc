"""Tickets that were closed when they were transferred, and what they go on as.

Revision ID: 20261126100400
Revises: 20261126100300
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126100400"
down_revision: str | None = "20261126100300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    op.create_table(
        "TicketSuccessors",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer(), nullable=False),
        sa.Column("successorId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("companyId", "ticketId", name="pk_TicketSuccessors"),
        _of_ticket("ticketId"),
        _of_ticket("successorId"),
    )
    op.create_index(
        "ix_TicketSuccessors_companyId_successorId",
        "TicketSuccessors",
        ["companyId", "successorId"],
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("TicketSuccessors")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _of_ticket(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["companyId", column],
        ["Tickets.companyId", "Tickets.id"],
        name=f"fk_TicketSuccessors_companyId_{column}",
        ondelete="CASCADE",
    )
