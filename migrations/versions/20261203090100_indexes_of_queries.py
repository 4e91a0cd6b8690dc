"""Indexes of lists and reports of one company, and a search that begins with the newest messages.

Revision ID: 20261203090100
Revises: 20261202100200
"""

from alembic import op

revision = "20261203090100"
down_revision: str | None = "20261202100200"
branch_labels = None
depends_on = None

# "Tickets": each status in the order of a list's pages, so that a page reads its own rows only. No
# column is NULL, but with NULLS LAST no other index has that order: "idx_tickets_updated" would be
# read through all companies to find that there are no more tickets of a status.
# "Messages": the newest of a company, which a search looks at first. It is over an expression, so
# that no other statement uses it: without statistics, the planner would rather read the messages of
# a company in a time than those of a ticket in that time.
# "TicketTraking", "UserRatings": what began in a period, for reports.
INDEXES = {
    "ix_Tickets_companyId_status_updatedAt_id": (
        '"Tickets" ("companyId", status, "updatedAt" DESC NULLS LAST, id DESC NULLS LAST)'
    ),
    "ix_Messages_newest": """"Messages" ("companyId", timezone('UTC', "createdAt"))""",
    "ix_TicketTraking_companyId_createdAt": '"TicketTraking" ("companyId", "createdAt")',
    "ix_UserRatings_companyId_createdAt": '"UserRatings" ("companyId", "createdAt")',
}

# The newest 2,000 messages are compared one by one: that answers frequent words at once, for which
# the trigrams would return most messages. Older ones are found by trigrams. Without their index, or
# with words that have none, the newest 10,000 messages are compared, and no older ones.
SEARCH = r"""
CREATE OR REPLACE FUNCTION public.search_messages(words text, most integer)
RETURNS TABLE (id integer, "ticketId" integer, "createdAt" timestamptz)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
  company integer := NULLIF(current_setting('app.company_id', true), '')::integer;
  patterns text[] := ARRAY(
    SELECT '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
    FROM regexp_split_to_table(public.searchable_text(words), '\s+') AS word
    WHERE word <> '' ORDER BY length(word) DESC);
  longest text := patterns[1];
  others text[] := patterns[2:];
  wanted integer := LEAST(GREATEST(most, 0), 1000);
  so_far integer;
  recent timestamp;
  oldest timestamp := '-infinity';
BEGIN
  recent := COALESCE((SELECT timezone('UTC', m."createdAt") FROM public."Messages" m
                      WHERE m."companyId" = company
                      ORDER BY timezone('UTC', m."createdAt") DESC OFFSET 2000 LIMIT 1),
                     '-infinity');
  RETURN QUERY
  SELECT m.id, m."ticketId", m."createdAt"
  FROM public."Messages" m
  WHERE m."companyId" = company AND timezone('UTC', m."createdAt") > recent
    AND public.searchable_text(m.body) LIKE longest
    AND public.searchable_text(m.body) LIKE ALL (others)
  ORDER BY timezone('UTC', m."createdAt") DESC, m.id DESC
  LIMIT wanted;
  GET DIAGNOSTICS so_far = ROW_COUNT;
  IF so_far = wanted OR recent = '-infinity' THEN
    RETURN;
  END IF;
  IF NOT public.searches_all_messages(words) THEN
    oldest := COALESCE((SELECT timezone('UTC', m."createdAt") FROM public."Messages" m
                        WHERE m."companyId" = company
                        ORDER BY timezone('UTC', m."createdAt") DESC OFFSET 10000 LIMIT 1),
                       '-infinity');
  END IF;
  RETURN QUERY
  SELECT m.id, m."ticketId", m."createdAt"
  FROM public."Messages" m
  WHERE m."companyId" = company AND timezone('UTC', m."createdAt") <= recent
    AND timezone('UTC', m."createdAt") > oldest
    AND public.searchable_text(m.body) LIKE longest
    AND public.searchable_text(m.body) LIKE ALL (others)
  ORDER BY timezone('UTC', m."createdAt") DESC, m.id DESC
  LIMIT wanted - so_far;
END
$$
"""

# Three letters or digits in a row are a trigram. The index is not valid while it is being built.
IS_COMPLETE = r"""
CREATE OR REPLACE FUNCTION public.searches_all_messages(words text) RETURNS boolean
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT public.searchable_text(words) ~ '[[:alnum:]]{3}' AND EXISTS (
    SELECT FROM pg_index
    WHERE indexrelid = to_regclass('public."ix_Messages_search"') AND indisvalid)
$$
"""

SEARCH_BEFORE = r"""
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


def upgrade() -> None:
    """Build each index beside writers; what a build that was broken off left is dropped first."""
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS public."{name}"')
            op.execute(f'CREATE INDEX CONCURRENTLY "{name}" ON public.{columns}')
    _limit_waiting()
    op.execute(IS_COMPLETE)
    op.execute(SEARCH)


def downgrade() -> None:
    _limit_waiting()
    op.execute(SEARCH_BEFORE)
    op.execute("DROP FUNCTION IF EXISTS public.searches_all_messages(text)")
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS public."{name}"')


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
