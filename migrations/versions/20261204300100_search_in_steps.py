"""A search goes back in time in three steps; lists know which ids belong to which company.

Revision ID: 20261204300100
Revises: 20261204200100
"""

from alembic import op

revision = "20261204300100"
down_revision: str | None = "20261204200100"
branch_labels = None
depends_on = None

# Without these the planner takes a company and its user, queue, line or tag for independent of each
# other, and expects far too few tickets in a large company. They cost ANALYZE some time, and
# writers nothing.
STATISTICS = {
    "st_Tickets_of_company": (
        '"companyId", "userId", "queueId", "whatsappId", "contactId" FROM public."Tickets"'
    ),
    "st_TicketTags_of_company": '"companyId", "tagId", "ticketId" FROM public."TicketTags"',
}

# How many messages have a word, the planner estimates from a sample of texts. The usual one of a
# hundred says nothing of words that fewer messages have. The index is there only with pg_trgm.
SEARCH_INDEX = 'ALTER INDEX IF EXISTS public."ix_Messages_search" ALTER COLUMN 1'

# First the newest 2,000 messages are compared one by one: that finds frequent words at once, whose
# trigrams are in many messages of all companies. OFFSET 0 keeps the planner from looking them up
# there. If a fifth of what is wanted is among them, the newest 10,000 are compared too, which
# probably have the rest. Otherwise come the messages of 15 times the time of the first step, by
# trigrams; then, if enough was found so far, those of the time that probably has the rest; and at
# last all older ones: so a word that is in one of a thousand messages is not looked up in
# all of them. These steps are sorted by the column, not by the expression of the index: else the
# planner might read all of a company's messages in the order of time for a word that it does not
# have. (SELECT longest) hides the word from it: steps of a limited time are read by both indexes,
# however rare the word seems to be.
# Of a company with at most 10,000 messages all are compared one by one. So are the newest 10,000 of
# a larger one, and no older ones, if there is no index of trigrams, or the words have none.
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
  added integer;
  step integer := 1;
  one_by_one boolean := true;
  found integer := 0;
  is_small boolean := NOT EXISTS (
    SELECT FROM public."Messages" m WHERE m."companyId" = company OFFSET 10000);
  has_trigrams boolean := NOT is_small AND public.searches_all_messages(words);
  newest timestamp := (SELECT timezone('UTC', m."createdAt") FROM public."Messages" m
                       WHERE m."companyId" = company
                       ORDER BY timezone('UTC', m."createdAt") DESC LIMIT 1);
  until timestamp := 'infinity';
  since timestamp := COALESCE((SELECT timezone('UTC', m."createdAt") FROM public."Messages" m
                               WHERE m."companyId" = company
                               ORDER BY timezone('UTC', m."createdAt") DESC OFFSET 2000 LIMIT 1),
                              '-infinity');
BEGIN
  LOOP
    IF one_by_one THEN
      RETURN QUERY
      SELECT m.id, m."ticketId", m."createdAt"
      FROM (SELECT m.id, m."ticketId", m."createdAt", m.body FROM public."Messages" m
            WHERE m."companyId" = company
              AND timezone('UTC', m."createdAt") > since AND timezone('UTC', m."createdAt") <= until
            ORDER BY timezone('UTC', m."createdAt") DESC, m.id DESC OFFSET 0) AS m
      WHERE public.searchable_text(m.body) LIKE longest
        AND public.searchable_text(m.body) LIKE ALL (others)
      LIMIT wanted;
    ELSIF since > '-infinity' THEN
      RETURN QUERY
      SELECT m.id, m."ticketId", m."createdAt"
      FROM public."Messages" m
      WHERE m."companyId" = company
        AND timezone('UTC', m."createdAt") > since AND timezone('UTC', m."createdAt") <= until
        AND public.searchable_text(m.body) LIKE (SELECT longest)
        AND public.searchable_text(m.body) LIKE ALL (others)
      ORDER BY m."createdAt" DESC, m.id DESC
      LIMIT wanted;
    ELSE
      RETURN QUERY
      SELECT m.id, m."ticketId", m."createdAt"
      FROM public."Messages" m
      WHERE m."companyId" = company AND timezone('UTC', m."createdAt") <= until
        AND public.searchable_text(m.body) LIKE longest
        AND public.searchable_text(m.body) LIKE ALL (others)
      ORDER BY m."createdAt" DESC, m.id DESC
      LIMIT wanted;
    END IF;
    GET DIAGNOSTICS added = ROW_COUNT;
    wanted := wanted - added;
    found := found + added;
    EXIT WHEN wanted = 0 OR since = '-infinity' OR one_by_one AND step = 2 AND NOT has_trigrams;
    until := since;
    since := '-infinity';
    one_by_one := step = 1 AND (NOT has_trigrams OR added * 4 >= wanted);
    IF one_by_one AND NOT is_small THEN
      since := (SELECT timezone('UTC', m."createdAt") FROM public."Messages" m
                WHERE m."companyId" = company
                ORDER BY timezone('UTC', m."createdAt") DESC OFFSET 10000 LIMIT 1);
    ELSIF step = 1 AND NOT is_small THEN
      since := until - LEAST(newest - until, interval '1 year') * 15;
    ELSIF step = 2 AND found * 10 >= wanted THEN
      since := until - LEAST(newest - until, interval '9 years')
                       * GREATEST(4, 4.0 * wanted / found);
    END IF;
    step := step + 1;
  END LOOP;
END
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


def upgrade() -> None:
    _limit_waiting()
    for name, columns in STATISTICS.items():
        op.execute(f'CREATE STATISTICS public."{name}" (dependencies) ON {columns}')
    op.execute(SEARCH)
    op.execute(f"{SEARCH_INDEX} SET STATISTICS 1000")


def downgrade() -> None:
    _limit_waiting()
    op.execute(f"{SEARCH_INDEX} SET STATISTICS -1")
    op.execute(SEARCH_BEFORE)
    for name in STATISTICS:
        op.execute(f'DROP STATISTICS public."{name}"')


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
