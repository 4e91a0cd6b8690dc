"""Searching the words of messages without regard to accents and case.

Revision ID: 20261202100100
Revises: 20261202090100
"""

from alembic import op

revision = "20261202100100"
down_revision: str | None = "20261202090100"
branch_labels = None
depends_on = None

# Compatibility decomposition separates letters from their accents, which are then removed. Core
# functions alone: the extension unaccent may be missing, and is not immutable. It must stay as it
# is as long as an index on it exists.
SEARCHABLE_TEXT = r"""
CREATE FUNCTION public.searchable_text(body text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
  SELECT pg_catalog.lower(pg_catalog.regexp_replace(
    pg_catalog.normalize(body, 'NFKD'),
    '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+', '', 'g'))
$$
"""

# The longest word is a condition of its own, because LIKE ALL cannot use an index. The plan is made
# for the words of each call: trigrams do not help to find a word of fewer than three letters.
SEARCH = r"""
CREATE OR REPLACE FUNCTION public.search_messages(words text, most integer)
RETURNS TABLE (id integer, "ticketId" integer, "createdAt" timestamptz)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
  patterns text[] := ARRAY(
    SELECT '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
    FROM regexp_split_to_table(public.searchable_text(words), '\s+') AS word
    WHERE word <> '' ORDER BY length(word) DESC);
  longest text := patterns[1];
  others text[] := patterns[2:];
BEGIN
  RETURN QUERY
  SELECT m.id, m."ticketId", m."createdAt"
  FROM public."Messages" m
  WHERE m."companyId" = NULLIF(current_setting('app.company_id', true), '')::integer
    AND public.searchable_text(m.body) LIKE longest
    AND public.searchable_text(m.body) LIKE ALL (others)
  ORDER BY m."createdAt" DESC, m.id DESC
  LIMIT LEAST(GREATEST(most, 0), 1000);
END
$$
"""

SEARCH_BEFORE = r"""
CREATE OR REPLACE FUNCTION public.search_messages(words text, most integer)
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
    op.execute(SEARCHABLE_TEXT)
    op.execute(SEARCH)


def downgrade() -> None:
    _limit_waiting()
    op.execute(SEARCH_BEFORE)
    op.execute("DROP FUNCTION public.searchable_text(text)")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
