"""Upgrades on a bad day: killed, locked out, half done; and what is said before one begins."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.db import migrations, progress
from shared.db.leftovers import find_leftovers
from shared.db.migration_plan import Migration, plan_locks, read_catalog, read_sizes
from shared.db.statement_locks import Lock
from tests.support import catalog
from tests.support.chatia import Ended, chatia, interrupted

pytestmark = pytest.mark.integration

WITH_TABLES = "20261123090900"  # from here on there may be rows
BEFORE_LENGTHS = "20261127120100"
KILLS = 6  # from an empty database to tables, and again to the end
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

ROWS = """
INSERT INTO "Companies" (id, name) VALUES (1, 'A');
INSERT INTO "Contacts" ("companyId", name, number)
  SELECT 1, 'Ana', (5511900000000 + n)::text FROM generate_series(1, 20000) AS n;
"""

LOCKED = """
SELECT c.relname::text AS name, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND c.relname <> 'alembic_version' AND l.mode <> 'RowShareLock'
"""


@pytest_asyncio.fixture
async def conn(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database_url)
    yield made
    await made.close()


def run(url: str, *words: str) -> Ended:
    return chatia("db", *words, environment={"DATABASE_URL": url})


async def list_leftovers(url: str) -> list[str]:
    async with migrations.connect(url) as connection:
        return [f"{each.kind}: {each}" for each in await find_leftovers(connection)]


async def upgrade_with_kills(url: str, revision: str) -> int:
    """Upgrade with a signal at a random migration of each attempt; return how many were hit."""
    hit = 0
    for _ in range(KILLS):
        pending, _ = await migrations.plan(url, revision)
        ended = await asyncio.to_thread(
            interrupted,
            *("db", "upgrade", revision),
            environment={"DATABASE_URL": url},
            number=random.choice(SIGNALS),
            lines=random.randrange(max(len(pending) // 2, 1)),  # a line for each that has run
            seconds=random.uniform(0, 0.1),
        )
        hit += ended.code != 0
    assert run(url, "upgrade", revision).code == 0
    return hit


async def test_killed_at_any_instant_and_run_again_it_leaves_the_same_schema(
    database_url: str, migrated_url: str, conn: asyncpg.Connection
) -> None:
    hit = await upgrade_with_kills(database_url, WITH_TABLES)
    await conn.execute(ROWS)
    hit += await upgrade_with_kills(database_url, "head")
    assert hit >= KILLS / 2
    assert await catalog.read(database_url) == await catalog.read(migrated_url)
    assert await catalog.leftovers(database_url) == await catalog.leftovers(migrated_url)
    assert await list_leftovers(database_url) == []
    assert await conn.fetchval('SELECT count(*) FROM "Contacts"') == 20_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_upgrade_says_how_it_goes_on(
    database_url: str, conn: asyncpg.Connection, number: signal.Signals
) -> None:
    await migrations.upgrade(database_url, BEFORE_LENGTHS)
    async with conn.transaction():
        await conn.execute('LOCK TABLE "Contacts" IN ACCESS SHARE MODE')
        ended = await asyncio.to_thread(
            interrupted,
            *("db", "upgrade"),
            environment={"DATABASE_URL": database_url},
            number=number,
            seconds=4,
        )
    assert ended.code == 1
    assert "Run `chatia db upgrade` again" in ended.complaint


async def test_a_locked_table_is_waited_for_in_attempts_and_its_holder_is_named(
    database_url: str, conn: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL_S", 0.5)
    await migrations.upgrade(database_url, BEFORE_LENGTHS)
    pid = conn.get_server_pid()
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if "no lock after" in line:
            released.set()

    released = asyncio.Event()
    async with conn.transaction():
        await conn.execute('LOCK TABLE "Contacts" IN ACCESS SHARE MODE')
        upgrading = asyncio.create_task(migrations.upgrade(database_url, report=report))
        await asyncio.wait_for(released.wait(), timeout=60)
    await upgrading
    assert any(f"it waits for process {pid} of Postgres" in line for line in lines)
    assert "idle in transaction" in "".join(lines)
    steps = await migrations.list_history(database_url)
    assert all(step.applied for step in steps)
    finished = [line for line in lines if line.endswith(" s") and "no lock" not in line]
    assert [line.split()[0] for line in finished if "has run" not in line] == [
        step.revision for step in steps if step.revision > BEFORE_LENGTHS
    ]


async def test_a_second_upgrade_says_whom_it_waits_for(database_url: str) -> None:
    lines: list[str] = []
    async with migrations.exclusive_connection(database_url) as connection:
        status = await asyncio.to_thread(run, database_url, "status")
        waiting = asyncio.create_task(
            migrations.upgrade(database_url, WITH_TABLES, report=lines.append)
        )
        while not lines:  # noqa: ASYNC110 - reported by a line
            await asyncio.sleep(0.05)
        await connection.rollback()
    await waiting
    assert "The schema is being changed by process" in status.answer
    assert lines[0].startswith("This command waits: the schema is being changed by process")
    assert await migrations.read_current(database_url) == WITH_TABLES


async def leave_invalid_index(conn: asyncpg.Connection) -> None:
    """Break off a CREATE INDEX CONCURRENTLY: its values are not unique."""
    with pytest.raises(asyncpg.UniqueViolationError):
        await conn.execute('CREATE UNIQUE INDEX CONCURRENTLY "ix_half" ON "Contacts" (name)')


async def test_an_index_is_not_touched_while_another_session_works_on_its_table(
    migrated_url: str,
) -> None:
    conn = await asyncpg.connect(migrated_url)
    try:
        await conn.execute(ROWS)
        await leave_invalid_index(conn)
        async with conn.transaction():  # the lock of VACUUM and of CREATE INDEX CONCURRENTLY
            await conn.execute('LOCK TABLE "Contacts" IN SHARE UPDATE EXCLUSIVE MODE')
            status = run(migrated_url, "status").answer
            refused = run(migrated_url, "repair")
        assert "ix_half of Contacts, being built or vacuumed now" in status
        assert (refused.code, "another session works on its table" in refused.answer) == (1, True)
    finally:
        await conn.close()


async def test_an_invalid_index_is_found_and_dropped_by_the_next_upgrade(
    database_url: str, conn: asyncpg.Connection
) -> None:
    await migrations.upgrade(database_url, BEFORE_LENGTHS)
    await conn.execute(ROWS)
    await leave_invalid_index(conn)
    assert "invalid index: ix_half of Contacts; run `chatia db repair`" in (
        run(database_url, "status").answer
    )
    assert "Invalid index ix_half of Contacts: dropped." in run(database_url, "upgrade").answer
    assert run(database_url, "repair").answer == "Nothing to repair.\n"


async def test_without_pending_migrations_an_invalid_index_is_rebuilt(
    migrated_url: str,
) -> None:
    conn = await asyncpg.connect(migrated_url)
    try:
        await conn.execute(ROWS)
        await leave_invalid_index(conn)
        refused = run(migrated_url, "repair")
        assert refused.code == 1
        assert "invalid index ix_half of Contacts: could not create unique index" in refused.answer
        await conn.execute("UPDATE \"Contacts\" SET name = 'Ana ' || id")
        assert "ix_half of Contacts: rebuilt." in run(migrated_url, "repair").answer
        assert await list_leftovers(migrated_url) == []
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = '\"ix_half\"'::regclass"
        assert await conn.fetchval(valid)
    finally:
        await conn.close()


async def test_a_constraint_is_validated_as_soon_as_its_rows_allow_it(
    database_url: str, conn: asyncpg.Connection
) -> None:
    await migrations.upgrade(database_url, BEFORE_LENGTHS)
    await conn.execute(ROWS)
    await conn.execute("UPDATE \"Contacts\" SET lid = repeat('1', 300) WHERE id = 1")
    run(database_url, "upgrade")
    left = "constraint NOT VALID: ck_Contacts_lid_length of Contacts"
    assert left in run(database_url, "status").answer
    refused = run(database_url, "repair")
    assert (refused.code, "violated by some row" in refused.answer) == (1, True)
    await conn.execute('UPDATE "Contacts" SET lid = NULL')
    assert "ck_Contacts_lid_length of Contacts: validated." in run(database_url, "repair").answer
    assert json.loads(run(database_url, "status", "--json").answer)["leftovers"] == []


async def test_the_planned_locks_are_those_that_postgres_takes(
    database_url: str, conn: asyncpg.Connection
) -> None:
    """Of every migration that is one transaction, on tables that were there before it."""
    pending, _ = await migrations.plan(database_url)
    assert len(pending) > 20
    for step in pending:
        if not step.is_transactional:
            await migrations.upgrade(database_url, step.revision)
            continue
        async with migrations.connect(database_url) as reading:
            sizes, names = await read_sizes(reading), await read_catalog(reading)
        planned = plan_locks([step], sizes, names)
        taken = await run_and_list_locks(conn, step)
        strong = {name: lock for name, lock in taken.items() if name in sizes and lock > Lock.SHARE}
        assert strong == {each.table: each.lock for each in planned if each.lock > Lock.SHARE}, (
            step.revision
        )


async def run_and_list_locks(conn: asyncpg.Connection, step: Migration) -> dict[str, Lock]:
    """Run the statements of a migration, and return the strongest lock on each table."""
    transaction = conn.transaction()
    await transaction.start()
    for sql in step.statements:
        if sql not in {"BEGIN;", "COMMIT;"}:
            await conn.execute(sql.replace("%%", "%"))  # Alembic doubles it for other drivers
    taken: dict[str, Lock] = {}
    for row in await conn.fetch(LOCKED):
        lock = Lock[_spell(row["mode"])]
        taken[row["name"]] = max(lock, taken.get(row["name"], lock))
    await transaction.commit()
    return taken


def _spell(mode: str) -> str:
    """Return `ACCESS_EXCLUSIVE` for `AccessExclusiveLock`."""
    letters = (f"_{letter}" if letter.isupper() else letter for letter in mode)
    return "".join(letters).lstrip("_").upper().removesuffix("_LOCK")


async def test_the_check_lists_locks_and_times_on_the_rows_that_are_there(
    database_url: str, conn: asyncpg.Connection
) -> None:
    await migrations.upgrade(database_url, BEFORE_LENGTHS)
    await conn.execute(ROWS)
    await conn.execute("ANALYZE")
    before = await catalog.read(database_url)
    checked = json.loads(run(database_url, "upgrade", "--check", "--json").answer)
    lengths = next(step for step in checked if step["revision"] > BEFORE_LENGTHS)
    assert lengths["transaction"] is False
    contacts = next(lock for lock in lengths["locks"] if lock["table"] == "Contacts")
    assert contacts["rows"] == 20_000
    assert contacts["bytes"] > 1_000_000
    assert (contacts["lock"], contacts["blocks"]) == ("ACCESS EXCLUSIVE", "reads and writes")
    assert "reads all rows" in contacts["does"]
    shown = run(database_url, "upgrade", "--check").answer
    assert all(step["revision"] in shown for step in checked)
    assert await catalog.read(database_url) == before
    assert await migrations.read_current(database_url) == BEFORE_LENGTHS


async def test_an_upgrade_to_where_the_schema_has_been_does_nothing(migrated_url: str) -> None:
    before = await migrations.read_current(migrated_url)
    assert "Nothing to do" in run(migrated_url, "upgrade", WITH_TABLES).answer
    assert await migrations.read_current(migrated_url) == before


async def test_nothing_is_planned_where_nothing_is_to_come(migrated_url: str) -> None:
    assert "no migration is to come" in run(migrated_url, "upgrade", "--check").answer


async def test_a_schema_of_a_newer_version_is_refused(
    database_url: str, conn: asyncpg.Connection
) -> None:
    await migrations.upgrade(database_url, WITH_TABLES)
    await conn.execute("UPDATE alembic_version SET version_num = '29991231000000'")
    for words in (("upgrade",), ("upgrade", "--check"), ("status",), ("current",)):
        ended = run(database_url, *words)
        assert ended.code == 2
        assert "29991231000000" in ended.complaint
