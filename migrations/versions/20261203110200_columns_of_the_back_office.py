"""Columns and indexes that the back office has got since.

Revision ID: 20261203110200
Revises: 20261203110100

Each table is changed in a transaction of its own, so that no two locks are held at once. A column
is added without a rewrite of its table, since its default is a constant; only "Tags" is rewritten,
which has a few rows for each company. The indexes are built beside the workers. Each statement may
be repeated, so an upgrade that was broken off is begun again; it drops invalid indexes first.
"""

from alembic import op

revision = "20261203110200"
down_revision: str | None = "20261203110100"
branch_labels = None
depends_on = None

COLUMNS = {
    "Contacts": {
        "isInAgenda": "BOOLEAN NOT NULL DEFAULT true",
        "source": "VARCHAR(20) NOT NULL DEFAULT 'manual'",
        "language": "VARCHAR(10)",
        "followUp": "TEXT",
    },
    "Messages": {"translatedBody": "TEXT", "originalLanguage": "VARCHAR(10)"},
    "FlowCampaigns": {"matchType": "VARCHAR(20) NOT NULL DEFAULT 'exact'"},
    "Plans": {"currency": "VARCHAR(3) NOT NULL DEFAULT 'BRL'"},
    "CompaniesSettings": {
        "createDemoUser": "VARCHAR(255) NOT NULL DEFAULT 'disabled'",
        "autoTranslate": "VARCHAR(10) DEFAULT 'disabled'",
        "translateApiKey": "VARCHAR(255)",
    },
}
INDEXES = {
    "ix_Tickets_uuid": ("Tickets", '"uuid"'),
    "ix_Contacts_companyId_name": ("Contacts", '"companyId", "name"'),
}
LANE_RANGE = "ck_Tags_timeLane_range"  # that of an integer, as before: a time can be computed


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5s'")
        for table, columns in COLUMNS.items():
            parts = (f'ADD COLUMN IF NOT EXISTS "{name}" {kind}' for name, kind in columns.items())
            op.execute(f'ALTER TABLE "{table}" {", ".join(parts)}')
        op.execute(
            f'ALTER TABLE "Tags" ALTER COLUMN "timeLane" TYPE DOUBLE PRECISION, '
            f'DROP CONSTRAINT IF EXISTS "{LANE_RANGE}", ADD CONSTRAINT "{LANE_RANGE}" '
            'CHECK ("timeLane" BETWEEN -2147483648 AND 2147483647)'
        )
        op.execute("RESET lock_timeout")
        for name, (table, columns) in INDEXES.items():
            op.execute(
                f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{name}" ON public."{table}" ({columns})'
            )


def downgrade() -> None:
    """Drop the columns with their content, and round halves of "Tags"."timeLane"."""
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS public."{name}"')
        op.execute("SET lock_timeout = '5s'")
        op.execute(
            f'ALTER TABLE "Tags" DROP CONSTRAINT IF EXISTS "{LANE_RANGE}", '
            'ALTER COLUMN "timeLane" TYPE INTEGER'
        )
        for table, columns in COLUMNS.items():
            parts = (f'DROP COLUMN IF EXISTS "{name}"' for name in columns)
            op.execute(f'ALTER TABLE "{table}" {", ".join(parts)}')
        op.execute("RESET lock_timeout")
