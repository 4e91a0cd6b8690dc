"""Which locks the statements of migrations take, and how long they are estimated to work."""

import pytest

from shared.db.migration_plan import Migration, Size, plan_locks
from shared.db.migrations import list_migrations
from shared.db.statement_locks import Catalog, Effect, Lock, Work, classify, find_created_index

CATALOG = Catalog({"ix_old": "Tickets"}, {("Sends", "fk_old"): "Messages"})
EXCLUSIVE, SHARED, WRITES = (
    Lock.ACCESS_EXCLUSIVE,
    Lock.SHARE_UPDATE_EXCLUSIVE,
    Lock.SHARE_ROW_EXCLUSIVE,
)

ONE_EFFECT = {
    'ALTER TABLE "Sends" ADD COLUMN change JSONB': (EXCLUSIVE, Work.INSTANT),
    "ALTER TABLE \"Sends\" ADD COLUMN n INTEGER DEFAULT '0' NOT NULL": (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" ADD COLUMN at TIMESTAMPTZ DEFAULT now()': (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" ADD u UUID DEFAULT gen_random_uuid()': (EXCLUSIVE, Work.REWRITE),
    "ALTER TABLE \"Sends\" ADD COLUMN kind VARCHAR(9) DEFAULT 'a'": (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" ADD COLUMN id BIGSERIAL': (EXCLUSIVE, Work.REWRITE),
    'ALTER TABLE "Sends" ALTER COLUMN wid TYPE VARCHAR(90)': (EXCLUSIVE, Work.REWRITE),
    'ALTER TABLE "Sends" ALTER COLUMN wid SET NOT NULL': (EXCLUSIVE, Work.SCAN),
    'ALTER TABLE ONLY public."Sends" DROP COLUMN IF EXISTS wid': (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" ADD CONSTRAINT c CHECK (n > 0)': (EXCLUSIVE, Work.SCAN),
    'ALTER TABLE "Sends" ADD CONSTRAINT c CHECK (n > 0) NOT VALID': (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" ADD CONSTRAINT u UNIQUE (a, b)': (EXCLUSIVE, Work.INDEX),
    'ALTER TABLE "Sends" ADD CONSTRAINT u UNIQUE USING INDEX i': (EXCLUSIVE, Work.INSTANT),
    'ALTER TABLE "Sends" VALIDATE CONSTRAINT c': (SHARED, Work.SCAN),
    'CREATE INDEX i ON "Sends" (a)': (Lock.SHARE, Work.INDEX),
    'CREATE UNIQUE INDEX i ON "Sends" (a)': (Lock.SHARE, Work.INDEX),
    'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON "Sends" (a)': (SHARED, Work.INDEX),
    'CREATE INDEX i ON "Sends" USING gin (a gin_trgm_ops)': (Lock.SHARE, Work.WORD_INDEX),
    'CREATE STATISTICS public.s (dependencies) ON a, b FROM public."Sends"': (SHARED, Work.INSTANT),
    'DROP TABLE "Sends"': (EXCLUSIVE, Work.INSTANT),
    'UPDATE "Sends" SET a = 1': (Lock.ROW_EXCLUSIVE, Work.CHANGE),
    'DELETE FROM "Sends" WHERE a = 1': (Lock.ROW_EXCLUSIVE, Work.CHANGE),
    'CREATE TRIGGER t BEFORE INSERT ON "Sends" FOR EACH ROW EXECUTE FUNCTION f()': (
        WRITES,
        Work.INSTANT,
    ),
    'DO $$ BEGIN ALTER TABLE "Sends" VALIDATE CONSTRAINT c; EXCEPTION WHEN x THEN NULL; END $$':
        (SHARED, Work.SCAN),
    'DO $$ BEGIN IF EXISTS (SELECT FROM "Sends" WHERE a) THEN RAISE x; END IF; END $$':
        (Lock.ACCESS_SHARE, Work.SCAN),
}  # fmt: skip


@pytest.mark.parametrize("sql", ONE_EFFECT, ids=str)
def test_a_statement_has_a_lock_and_work_on_its_table(sql: str) -> None:
    lock, work = ONE_EFFECT[sql]
    assert classify(f"-- why\n{sql};", CATALOG) == [Effect("Sends", lock, work)]


@pytest.mark.parametrize(
    "sql",
    [
        "SET LOCAL lock_timeout = '5s'",
        'DROP STATISTICS public."s"',
        'ALTER INDEX IF EXISTS public."ix_absent" ALTER COLUMN 1 SET STATISTICS 100',
        "COMMIT;",
        "UPDATE alembic_version SET version_num='2'",
        'CREATE TABLE "New" (id INTEGER)',
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
        "",
    ],
)
def test_other_statements_lock_no_table(sql: str) -> None:
    assert classify(sql, CATALOG) == []


def test_a_foreign_key_also_locks_the_table_that_it_refers_to() -> None:
    added = 'ALTER TABLE "Sends" ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES "Messages" (id)'
    inline = 'CREATE TABLE "New" (a INTEGER, FOREIGN KEY(a) REFERENCES "Messages" (id))'
    referred = Effect("Messages", WRITES, Work.INSTANT)
    assert classify(added, CATALOG) == [Effect("Sends", WRITES, Work.SCAN), referred]
    assert classify(inline, CATALOG) == [referred]


def test_what_names_no_table_is_looked_up_in_the_catalog() -> None:
    assert classify('ALTER INDEX "ix_old" ALTER COLUMN 1 SET STATISTICS 100', CATALOG) == [
        Effect("Tickets", SHARED, Work.INSTANT)
    ]
    assert classify('DROP INDEX "ix_old"', CATALOG) == [Effect("Tickets", EXCLUSIVE, Work.INSTANT)]
    assert classify('ALTER TABLE "Sends" DROP CONSTRAINT fk_old', CATALOG) == [
        Effect("Sends", EXCLUSIVE, Work.INSTANT),
        Effect("Messages", EXCLUSIVE, Work.INSTANT),
    ]


@pytest.mark.parametrize("sql", ["CLUSTER", 'LOCK TABLE "Sends"', "DROP INDEX unheard_of"])
def test_an_unknown_statement_is_said_to_be_unknown(sql: str) -> None:
    assert [effect.work for effect in classify(sql, CATALOG)] == [Work.UNKNOWN]


def test_an_index_that_is_dropped_if_it_exists_may_be_unknown() -> None:
    for sql in ("DROP INDEX CONCURRENTLY IF EXISTS public.new", "drop index if exists new"):
        assert classify(sql, CATALOG) == []
    assert classify('DROP INDEX CONCURRENTLY IF EXISTS "ix_old"', CATALOG) == [
        Effect("Tickets", SHARED, Work.INSTANT)
    ]


def test_an_index_of_an_earlier_migration_is_known_to_the_one_that_drops_it() -> None:
    create = 'CREATE UNIQUE INDEX CONCURRENTLY "ix_n" ON public."Sends" (a)'
    steps = [
        Migration("1", "", [create], is_transactional=False),
        Migration("2", "", ['DROP INDEX public."ix_n"'], is_transactional=True),
    ]
    planned = plan_locks(steps, {}, CATALOG)
    assert [(each.revision, each.table, each.lock) for each in planned] == [
        ("1", "Sends", SHARED),
        ("2", "Sends", EXCLUSIVE),
    ]


def test_every_statement_of_our_migrations_is_known() -> None:
    steps = list_migrations()
    assert len(steps) > 20
    of_none = Catalog({}, {})
    planned = plan_locks(steps, {}, of_none)
    # Each one alone as well: an upgrade may begin at any of them, with the indexes before it.
    indexes = [find_created_index(sql) for step in steps for sql in step.statements]
    of_all = Catalog(dict(index for index in indexes if index), {})
    planned += [each for step in steps for each in plan_locks([step], {}, of_all)]
    unknown = [each for each in planned if Work.UNKNOWN in each.works or not each.table]
    assert unknown == []


SIZES = {"Sends": Size(bytes=600_000_000, rows=4_000_000, indexes=2), "Tickets": Size(1000, 10, 1)}
CHANGES = (
    'ALTER TABLE "Tickets" ADD COLUMN a INTEGER',
    'CREATE INDEX i ON "Sends" (a)',
    'CREATE TABLE "New" (id INTEGER)',
    'CREATE INDEX j ON "New" (id)',
)


def test_a_transaction_holds_each_lock_until_its_end() -> None:
    planned = plan_locks([Migration("1", "", CHANGES, is_transactional=True)], SIZES, CATALOG)
    assert [(each.table, each.lock) for each in planned] == [
        ("Tickets", EXCLUSIVE),
        ("Sends", Lock.SHARE),
    ]
    assert planned[0].seconds == planned[1].seconds > 10


def test_statements_of_their_own_hold_only_their_own_locks() -> None:
    planned = plan_locks([Migration("1", "", CHANGES, is_transactional=False)], SIZES, CATALOG)
    assert planned[0].seconds == 0
    assert planned[1].seconds > 10


def test_the_estimate_grows_with_the_table() -> None:
    rewrite = Migration("1", "", ['ALTER TABLE "Sends" ADD COLUMN id BIGSERIAL'], True)  # noqa: FBT003
    seconds = [
        plan_locks([rewrite], {"Sends": Size(size, rows, 1)}, CATALOG)[0].seconds
        for size, rows in ((0, 0), (10**6, 10**4), (10**9, 10**7))
    ]
    assert seconds == sorted(set(seconds))
