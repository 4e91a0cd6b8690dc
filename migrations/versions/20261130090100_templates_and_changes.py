"""Message templates of lines, and changes of messages that are asked for.

Revision ID: 20261130090100
Revises: 20261129090100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130090100"
down_revision: str | None = "20261129090100"
branch_labels = None
depends_on = None

NAME = 255  # characters of text in an index


def upgrade() -> None:
    _limit_waiting()
    op.create_table(
        "MessageTemplates",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("header", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("footer", sa.Text(), nullable=True),
        sa.Column(
            "updatedAt",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "companyId", "whatsappId", "name", "language", name="pk_MessageTemplates"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_MessageTemplates_companyId_whatsappId",
            ondelete="CASCADE",
        ),
        *(
            sa.CheckConstraint(
                f"char_length({column}) <= {NAME}",
                name=op.f(f"ck_MessageTemplates_{column}_length"),
            )
            for column in ("name", "language")
        ),
    )
    op.add_column("Sends", sa.Column("change", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    _limit_waiting()
    op.drop_column("Sends", "change")
    op.drop_table("MessageTemplates")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
