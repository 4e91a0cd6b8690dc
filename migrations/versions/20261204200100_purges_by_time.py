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


# No service may delete tickets itself. This deletes those for which a purge by time is open, and
# checks again that they are closed, have not changed since that time and have no messages.
PURGE_OLD_TICKETS = """
CREATE FUNCTION purge_old_tickets(purge bigint, ids int[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  DELETE FROM public."Tickets" t USING public."Purges" p
  WHERE p.id = purge AND p."finishedAt" IS NULL AND p."tableName" = 'Tickets'
    AND t."companyId" = p."companyId" AND t.id = ANY(ids)
    AND t.status = 'closed' AND t."updatedAt" < p."olderThan"
    AND NOT EXISTS (SELECT FROM public."Messages" m WHERE m."ticketId" = t.id);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
"""


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
    op.execute(PURGE_OLD_TICKETS)
    op.execute("REVOKE ALL ON FUNCTION purge_old_tickets(bigint, int[]) FROM PUBLIC")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION purge_old_tickets(bigint, int[])")
    # An older version would take them for purges of no rows, and report them as finished.
    op.execute('DELETE FROM "Purges" WHERE "olderThan" IS NOT NULL')
    for name in ("requestId", "tableName"):
        op.drop_constraint(op.f(f"ck_Purges_{name}_length"), "Purges")
    op.drop_index("uq_Purges_retention", "Purges")
    for name in ("reachedId", "reachedAt", "unchangedSince", "olderThan"):
        op.drop_column("Purges", name)
