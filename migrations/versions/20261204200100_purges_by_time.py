"""Purges of rows that are older than a time: how far each has come.

Revision ID: 20261204200100
Revises: 20261203120100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261204200100"
down_revision: str | None = "20261203120100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in ("olderThan", "unchangedSince", "reachedAt"):
        op.add_column("Purges", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("Purges", sa.Column("reachedId", sa.Integer(), nullable=True))
    op.create_index(
        "uq_Purges_retention",
        "Purges",
        ["tableName", "companyId", "requestId"],
        unique=True,
        postgresql_where=sa.text('"olderThan" IS NOT NULL'),
    )
    # Longer values are in no index until now, and there is no other writer than the services.
    for name in ("tableName", "requestId"):
        op.create_check_constraint(
            op.f(f"ck_Purges_{name}_length"), "Purges", f'char_length("{name}") <= 255'
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # An older version would take them for purges of no rows, and report them as finished.
    op.execute('DELETE FROM "Purges" WHERE "olderThan" IS NOT NULL')
    for name in ("requestId", "tableName"):
        op.drop_constraint(op.f(f"ck_Purges_{name}_length"), "Purges")
    op.drop_index("uq_Purges_retention", "Purges")
    for name in ("reachedId", "reachedAt", "unchangedSince", "olderThan"):
        op.drop_column("Purges", name)
