"""Searching the words of messages as a reader, who sees one company.

Revision ID: 20261127110100
Revises: 20261127100100
"""

from alembic import op

revision = "20261127110100"
down_revision: str | None = "20261127100100"
branch_labels = None
depends_on = None

# ILIKE is not leak-proof: under row-level security it would be asked only after the policy, so an
# index on words would go unused. The function is above the policies and names the company itself.
SEARCH = r"""
CREATE FUNCTION public.search_messages(words text, most integer)
RETURNS TABLE (id integer, "ticketId" integer, "createdAt" timestamptz)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT m.id, m."ticketId", m."createdAt"
  FROM public."Messages" m
  WHERE m."companyId" = NULLIF(current_setting('app.company_id', true), '')::integer
    AND m.body ILIKE ALL (ARRAY(
      SELECT '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
      FROM regexp_split_to_table(words, '\s+') AS word WHERE word <> ''))
    AND words ~ '\S'
  ORDER BY m."createdAt" DESC, m.id DESC
  LIMIT LEAST(GREATEST(most, 0), 1000)
$$
"""


def upgrade() -> None:
    _limit_waiting()
    op.execute(SEARCH)
    op.execute("REVOKE ALL ON FUNCTION public.search_messages(text, integer) FROM PUBLIC")


def downgrade() -> None:
    _limit_waiting()
    op.execute("DROP FUNCTION public.search_messages(text, integer)")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
