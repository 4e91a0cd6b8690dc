"""What a database was restored to, and whether sends are held after it.

Revision ID: 20261203120100
Revises: 20261203110300
"""

import sqlalchemy as sa
from alembic import op

revision = "20261203120100"
down_revision: str | None = "20261203110300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("Deployment", sa.Column("identity", sa.Text(), nullable=True))
    op.add_column(
        "Deployment", sa.Column("sendsHeldSince", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "RestoredPositions",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("nextOffset", sa.BigInteger(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint(
            "service", "topic", "partition", "epoch", name="pk_RestoredPositions"
        ),
        sa.CheckConstraint(
            "char_length(service) <= 255", name=op.f("ck_RestoredPositions_service_length")
        ),
        sa.CheckConstraint(
            "char_length(topic) <= 255", name=op.f("ck_RestoredPositions_topic_length")
        ),
    )
    op.create_table(
        "LostSends",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("sendId", sa.Text(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("companyId", "sendId", name="pk_LostSends"),
        sa.CheckConstraint('char_length("sendId") <= 255', name=op.f("ck_LostSends_sendId_length")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("LostSends")
    op.drop_table("RestoredPositions")
    op.drop_column("Deployment", "sendsHeldSince")
    op.drop_column("Deployment", "identity")
