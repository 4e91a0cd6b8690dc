"""Statistics, dead rows, bloat, sizes and sessions: what is found, and the commands that end it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.doctor import bloat, slow_statements, statistics
from shared.doctor.findings import Code, Examined, Limits
from shared.settings import DatabaseSettings, Settings
from tests.support import catalog
from tests.support.chatia import Ended, chatia
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD

pytestmark = pytest.mark.integration

SMALL = Limits(
    unanalyzed_bytes=100_000, stale_rows=100, dead_rows=100, bloat_bytes=100_000, bloat_share=0.4
)
FILL = """
INSERT INTO "Companies" (id, name) VALUES (1, 'A');
ALTER TABLE "Contacts" SET (autovacuum_enabled = off);
INSERT INTO "Contacts" ("companyId", name, number)
  SELECT 1, 'Ana ' || n, (5511900000000 + n)::text FROM generate_series(1, 5000) AS n;
"""
VIEW = """
CREATE VIEW pg_stat_statements AS
SELECT 10::oid AS userid, d.oid AS dbid, 'SET x = ''Ana''' AS query, 4::bigint AS calls,
       20.0::float8 AS total_exec_time, 5.0::float8 AS mean_exec_time, 9.0::float8 AS max_exec_time,
       8::bigint AS rows, 6::bigint AS shared_blks_hit, 1::bigint AS shared_blks_read
FROM pg_database d
"""
INVALID = """
SELECT count(*) FROM pg_index WHERE NOT indisvalid
"""

Chatia = Callable[..., Awaitable[Ended]]


@pytest_asyncio.fixture
async def conn(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(migrated_url)
    yield made
    await made.close()


@pytest.fixture
def run(migrated_url: str) -> Chatia:
    """Run `chatia db …` on the database of the test."""

    async def start(*words: str, url: str = migrated_url) -> Ended:
        return await asyncio.to_thread(chatia, "db", *words, environment={"DATABASE_URL": url})

    return start


@asynccontextmanager
async def examining(url: str) -> AsyncIterator[Examined]:
    engine = create_async_engine(
        url.replace("://", "+asyncpg://", 1), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    settings = Settings(database=DatabaseSettings.model_validate({"DATABASE_URL": url}))
    async with engine.connect() as connection:
        yield Examined(connection, settings, SMALL)


async def find_of_contacts(url: str) -> list[Code]:
    async with examining(url) as examined:
        found = [*await statistics.find(examined), *await bloat.find(examined)]
    return sorted({each.code for each in found if "Contacts" in each.sentence + each.fix})


async def flush_counters(conn: asyncpg.Connection) -> None:
    await conn.execute("SELECT pg_stat_force_next_flush()")
    await conn.execute("SELECT 1")


async def test_a_table_goes_through_missing_and_stale_statistics_dead_rows_and_bloat(
    migrated_url: str, conn: asyncpg.Connection, run: Chatia
) -> None:
    await conn.execute(FILL)
    await flush_counters(conn)
    assert await find_of_contacts(migrated_url) == [Code.STATISTICS_MISSING]
    ended = await run("analyze", "--table", "Contacts")
    assert ended.answer.startswith("Contacts: "), ended
    assert await find_of_contacts(migrated_url) == []
    await conn.execute("UPDATE \"Contacts\" SET name = 'Rui ' || id")
    await conn.execute('DELETE FROM "Contacts" WHERE id % 10 <> 0')
    await flush_counters(conn)
    found = await find_of_contacts(migrated_url)
    assert [each for each in found if each not in {Code.TABLE_BLOAT, Code.INDEX_BLOAT}] == [
        Code.DEAD_ROWS,
        Code.STATISTICS_STALE,
    ]
    await run("vacuum", "--table", "Contacts", "--freeze")
    await flush_counters(conn)
    assert await find_of_contacts(migrated_url) == [Code.INDEX_BLOAT, Code.TABLE_BLOAT]
    ended = await run("reindex", "--table", "Contacts")
    assert ended.code == 0, ended.answer
    assert await find_of_contacts(migrated_url) == [Code.TABLE_BLOAT]
    ended = await run("vacuum", "--full", "--table", "Contacts")
    assert "nobody reads or writes" in ended.complaint
    assert " before, " in ended.answer
    assert await find_of_contacts(migrated_url) == []


async def test_every_index_that_was_dropped_is_built_again(
    migrated_url: str, another_migrated_url: str, conn: asyncpg.Connection, run: Chatia
) -> None:
    """Also the one of the search, where the schema has it: with an extension."""
    await conn.execute("""
        DO $$ DECLARE each record; BEGIN
          FOR each IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
                      WHERE contype IN ('p', 'u') AND connamespace = 'public'::regnamespace
                        AND conrelid <> 'alembic_version'::regclass LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', each.place, each.conname);
          END LOOP;
          FOR each IN SELECT indexrelid::regclass AS place FROM pg_index
                      JOIN pg_class c ON c.oid = indexrelid
                      WHERE relnamespace = 'public'::regnamespace
                        AND indrelid <> 'alembic_version'::regclass LOOP
            EXECUTE format('DROP INDEX %s', each.place);
          END LOOP;
        END $$
    """)
    ended = await run("reindex", "--missing")
    assert ended.code == 0, ended.answer
    built, expected = await catalog.read(migrated_url), await catalog.read(another_migrated_url)
    for aspect in ("primaryKey", "unique", "indexes"):
        assert {name: table[aspect] for name, table in built.items()} == {
            name: table[aspect] for name, table in expected.items()
        }


async def test_a_rebuild_drops_what_a_broken_off_one_left_and_goes_on_after_a_name(
    conn: asyncpg.Connection, run: Chatia
) -> None:
    await conn.execute(FILL)
    await conn.execute('CREATE INDEX "ix_x_ccnew" ON "Contacts" (name)')
    await conn.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"ix_x_ccnew\"'::regclass"
    )
    whole = await run("reindex", "--table", "Contacts")
    assert whole.code == 0, whole.answer
    first, *names = [line.split()[0] for line in whole.answer.splitlines()]
    assert first == "ix_x_ccnew"
    assert names == sorted(names)
    assert len(names) > 5
    assert await conn.fetchval(INVALID) == 0
    rest = await run("reindex", "--table", "Contacts", "--after", names[2])
    assert [line.split()[0] for line in rest.answer.splitlines()] == names[3:]
    wrong = await run("vacuum", "--full", "--table", "Nope")
    assert (wrong.code, "There is no table Nope" in wrong.complaint) == (2, True)
    assert "VACUUM FULL" not in wrong.complaint
    wrong = await run("reindex", "--table", "Contact")
    assert "did you mean Contacts?" in wrong.complaint


async def test_an_index_that_cannot_be_rebuilt_is_named_and_the_others_are_rebuilt(
    conn: asyncpg.Connection, run: Chatia
) -> None:
    await conn.execute(FILL)
    await conn.execute("""
        CREATE FUNCTION invert(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 / (n - 0)';
        CREATE INDEX "ix_a_broken" ON "Contacts" (invert(id));
        CREATE OR REPLACE FUNCTION invert(n int) RETURNS int LANGUAGE sql IMMUTABLE
          AS 'SELECT 1 / (n - n)';
    """)
    ended = await run("reindex", "--table", "Contacts")
    assert ended.code == 1
    assert "ix_a_broken of Contacts: division by zero." in ended.answer
    assert "pk_Contacts of Contacts: " in ended.answer


async def test_sizes_are_shown_and_a_sample_a_day_makes_growth(
    conn: asyncpg.Connection, run: Chatia
) -> None:
    await conn.execute(FILL)
    first = await run("size")
    assert "its growth is known from tomorrow on" in first.answer
    assert "Contacts" in first.answer
    await run("size")
    assert await conn.fetchval('SELECT jsonb_array_length(sizes) FROM "Deployment"') == 1
    await conn.execute("""
        UPDATE "Deployment" SET sizes = jsonb_build_array(jsonb_build_object(
          'at', extract(epoch FROM now()) - 2 * 86400, 'database', 1000, 'tables', '{}'::jsonb))
    """)
    shown = (await run("size", "--json")).json
    assert shown["growthPerDay"] == pytest.approx((shown["bytes"] - 1000) / 2, rel=0.01)
    (contacts,) = [each for each in shown["tables"] if each["name"] == "Contacts"]
    assert contacts["total"] >= contacts["main"] + contacts["indexes"] + contacts["toast"]
    assert await conn.fetchval('SELECT jsonb_array_length(sizes) FROM "Deployment"') == 2
    indexes = await run("size", "--table", "Contacts")
    assert "idx_contacts_number" in indexes.answer


async def test_a_login_that_may_not_write_sees_sizes_and_keeps_no_sample(
    migrated_url: str, conn: asyncpg.Connection, run: Chatia
) -> None:
    owner = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url})
    login = owner.with_login(await login_of(conn, "tickets"), ROLE_PASSWORD)
    ended = await run("size", url=login.url.replace("+asyncpg", ""))
    assert ended.code == 0, ended.complaint
    assert ended.complaint == "No sample was kept: only the owner of the database may.\n"
    assert await conn.fetchval('SELECT sizes FROM "Deployment"') == "[]"


async def test_who_waits_for_whom_is_shown_without_values_and_ended(
    migrated_url: str, conn: asyncpg.Connection, run: Chatia
) -> None:
    assert "No session waits" in (await run("locks")).answer
    second = await asyncio.wait_for(asyncpg.connect(migrated_url), 10)
    await conn.execute("BEGIN; LOCK TABLE \"Tags\"; SELECT 'Ana Silva'")
    sql = "UPDATE \"Tags\" SET name = 'Ana Silva'"
    waiting = asyncio.create_task(second.execute(sql))
    async with asyncio.timeout(10):
        while not (rows := (await run("locks", "--json")).json):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
    root, other = conn.get_server_pid(), second.get_server_pid()
    assert [(row["process"], row["depth"]) for row in rows] == [(root, 0), (other, 1)]
    assert rows[1]["waitsFor"] == [root]
    assert rows[1]["statement"] == 'UPDATE "Tags" SET name = ?'
    shown = (await run("locks")).answer
    running = (await run("slow", "--running")).answer
    assert f"  {other} " in shown
    assert str(other) in running
    assert "Ana" not in shown + running
    idle = await run("cancel", str(root))
    assert idle.code == 4
    ended = await run("cancel", str(root), "--terminate")
    assert ended.answer == f"The session of process {root} has ended.\n"
    await waiting
    await second.close()


async def test_a_statement_is_cancelled_and_its_session_stays(
    conn: asyncpg.Connection, run: Chatia
) -> None:
    sleeping = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.2)
    ended = await run("cancel", str(conn.get_server_pid()))
    assert ended.answer == f"The statement of process {conn.get_server_pid()} has ended.\n"
    with pytest.raises(asyncpg.QueryCanceledError):
        await sleeping
    assert await conn.fetchval("SELECT 1") == 1


async def test_a_session_of_another_database_is_not_ended(
    another_migrated_url: str, run: Chatia
) -> None:
    other = await asyncpg.connect(another_migrated_url)
    for words in ((), ("--terminate",)):
        ended = await run("cancel", str(other.get_server_pid()), *words)
        assert ended.code == 2
    assert await other.fetchval("SELECT 1") == 1
    await other.close()


async def test_with_pg_stat_statements_its_statements_are_shown_without_values(
    conn: asyncpg.Connection, run: Chatia
) -> None:
    without = await run("slow")
    assert "pg_stat_statements is not there" in without.complaint
    await conn.execute(VIEW)
    shown = (await run("slow", "--json")).json
    assert shown == [
        {
            "calls": 4,
            "total_ms": 20.0,
            "mean_ms": 5.0,
            "max_ms": 9.0,
            "rows": 8,
            "pages": 7,
            "login": shown[0]["login"],
            "query": "SET x = ?",
        }
    ]
    assert "SET x = ?" in (await run("slow")).answer
    assert slow_statements.NOT_LOADED == "55000"
