"""Deleting rows that take much along, in steps that every owner does for its own tables.

Revision ID: 20261127120100
Revises: 20261127110100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127120100"
down_revision: str | None = "20261127110100"
branch_labels = None
depends_on = None

# Services have no DELETE on these tables. They may call this, which deletes a row only where a
# purge that is under way is about it, its company, or the line or contact that its ticket is of.
PURGE_ROWS = """
CREATE FUNCTION purge_rows(purge bigint, name text, companies int[], ids int[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company text := CASE name WHEN 'Companies' THEN 'id' ELSE 'companyId' END;
  line text := CASE name WHEN 'Tickets' THEN 't."whatsappId"' ELSE 'NULL' END;
  gone bigint;
BEGIN
  IF name NOT IN ('Companies', 'Whatsapps', 'Contacts', 'Tickets', 'Users', 'Queues') THEN
    RAISE EXCEPTION 'rows of "%" are not purged', name;
  END IF;
  EXECUTE format($delete$
    DELETE FROM public.%1$I t USING unnest($2, $3) AS b(company, id)
    WHERE t.%2$I = b.company AND t.id = b.id AND EXISTS (
      SELECT FROM public."Purges" p JOIN public."PurgedRows" r ON r."purgeId" = p.id
      WHERE p.id = $1 AND p."finishedAt" IS NULL AND r."companyId" = t.%2$I
        AND (r."tableName" = 'Companies'
             OR (r."tableName" = $4 AND r."rowId" = t.id)
             OR (r."tableName" = 'Whatsapps' AND r."rowId" = %3$s)))
  $delete$, name, company, line) USING purge, companies, ids, name;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
"""

# A seed's own list of its rows names those that a purge has removed no more.
FORGET_SEED_ROWS = """
CREATE FUNCTION forget_seed_rows() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  gone bigint;
  forgotten bigint := 0;
BEGIN
  FOR name IN SELECT DISTINCT "tableName" FROM public."SeedRows" ORDER BY 1 LOOP
    EXECUTE format($delete$
      DELETE FROM public."SeedRows" s
      WHERE s."tableName" = $1 AND NOT EXISTS (SELECT FROM public.%I t WHERE t.id = s."rowId")
    $delete$, name) USING name;
    GET DIAGNOSTICS gone = ROW_COUNT;
    forgotten := forgotten + gone;
  END LOOP;
  RETURN forgotten;
END $$
"""


def upgrade() -> None:
    _limit_waiting()
    op.create_table(
        "Purges",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("tableName", sa.Text(), nullable=False),
        sa.Column("requestId", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("deleted", JSONB(), nullable=False),
        sa.Column("done", JSONB(), server_default="[]", nullable=False),
        sa.Column("removed", JSONB(), server_default="{}", nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("finishedAt", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_Purges"),
    )
    op.create_index(
        "ix_Purges_under_way", "Purges", ["id"], postgresql_where=sa.text('"finishedAt" IS NULL')
    )
    op.create_table(
        "PurgedRows",
        sa.Column("purgeId", sa.BigInteger(), nullable=False),
        sa.Column("tableName", sa.Text(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("rowId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("purgeId", "tableName", "companyId", "rowId", name="pk_PurgedRows"),
        sa.ForeignKeyConstraint(
            ["purgeId"], ["Purges.id"], name="fk_PurgedRows_purgeId", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_PurgedRows_tableName_companyId_rowId",
        "PurgedRows",
        ["tableName", "companyId", "rowId"],
    )
    op.create_index("ix_PurgedRows_companyId", "PurgedRows", ["companyId"])
    for function in (PURGE_ROWS, FORGET_SEED_ROWS):
        op.execute(sa.text(function.replace(":=", r"\:=")))
    op.execute("REVOKE ALL ON FUNCTION purge_rows(bigint, text, int[], int[]) FROM PUBLIC")
    op.execute("REVOKE ALL ON FUNCTION forget_seed_rows() FROM PUBLIC")


def downgrade() -> None:
    _limit_waiting()
    op.execute("DROP FUNCTION forget_seed_rows()")
    op.execute("DROP FUNCTION purge_rows(bigint, text, int[], int[])")
    op.drop_table("PurgedRows")
    op.drop_table("Purges")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
