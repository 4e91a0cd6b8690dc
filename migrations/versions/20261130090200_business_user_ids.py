"""BSUIDs of people, and changes of numbers.

Revision ID: 20261130090200
Revises: 20261130090100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261130090200"
down_revision: str | None = "20261130090100"
branch_labels = None
depends_on = None

NAME = 255  # characters


def upgrade() -> None:
    _limit_waiting()
    op.add_column("GatewayConnections", sa.Column("portfolio", sa.Text(), nullable=True))
    op.add_column("LidNumbers", sa.Column("numberAt", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "BusinessUserIds",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("userId", sa.Text(), nullable=False),
        sa.Column("contactId", sa.Integer(), nullable=True),
        sa.Column("newUserId", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("numberAt", sa.DateTime(timezone=True), nullable=True),
        _updated_at(),
        sa.PrimaryKeyConstraint("companyId", "portfolio", "userId", name="pk_BusinessUserIds"),
        _of_company("BusinessUserIds"),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_BusinessUserIds_companyId_contactId",
            ondelete='SET NULL ("contactId")',
        ),
        *(_limit("BusinessUserIds", name) for name in ("portfolio", "userId")),
    )
    op.create_index(
        "ix_BusinessUserIds_companyId_userId", "BusinessUserIds", ["companyId", "userId"]
    )
    op.create_index(
        "ix_BusinessUserIds_contactId",
        "BusinessUserIds",
        ["contactId"],
        postgresql_where=sa.text('"contactId" IS NOT NULL'),
    )
    op.create_table(
        "NumberChanges",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("newNumber", sa.Text(), nullable=False),
        sa.Column("changedAt", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "companyId", "number", "newNumber", "changedAt", name="pk_NumberChanges"
        ),
        _of_company("NumberChanges"),
        *(_limit("NumberChanges", name) for name in ("number", "newNumber")),
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("NumberChanges")
    op.drop_table("BusinessUserIds")
    op.drop_column("LidNumbers", "numberAt")
    op.drop_column("GatewayConnections", "portfolio")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _updated_at() -> sa.Column[sa.DateTime]:
    return sa.Column(
        "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _of_company(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["companyId"], ["Companies.id"], name=f"fk_{table}_companyId", ondelete="CASCADE"
    )


def _limit(table: str, column: str) -> sa.CheckConstraint:
    quoted = column if column.islower() else f'"{column}"'
    return sa.CheckConstraint(
        f"char_length({quoted}) <= {NAME}", name=op.f(f"ck_{table}_{column}_length")
    )
