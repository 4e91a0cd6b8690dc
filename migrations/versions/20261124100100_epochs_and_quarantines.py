"""Dead letters know their topic's epoch and their line; lines can be quarantined.

Revision ID: 20261124100100
Revises: 20261124090100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261124100100"
down_revision: str | None = "20261124090100"
branch_labels = None
depends_on = None

PLACE = "uq_DeadLetters_service_topic_partition_offset"
PLACE_IN_EPOCH = "uq_DeadLetters_service_topic_partition_epoch_offset"


def upgrade() -> None:
    _limit_waiting()
    op.add_column(
        "DeadLetters", sa.Column("epoch", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("DeadLetters", sa.Column("line", sa.Text()))
    op.drop_constraint(PLACE, "DeadLetters")
    op.create_unique_constraint(
        PLACE_IN_EPOCH, "DeadLetters", ["service", "topic", "partition", "epoch", "offset"]
    )
    op.create_table(
        "Quarantines",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("service", "line", name="Quarantines_pkey"),
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("Quarantines")
    op.drop_constraint(PLACE_IN_EPOCH, "DeadLetters")
    op.create_unique_constraint(PLACE, "DeadLetters", ["service", "topic", "partition", "offset"])
    op.drop_column("DeadLetters", "line")
    op.drop_column("DeadLetters", "epoch")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
