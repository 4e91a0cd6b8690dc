"""Each finding of `chatia db doctor`, provoked on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import migrations, roles
from shared.doctor import backups, checkpoints, rights, run, schema_checks, server, sessions, wal
from shared.doctor.findings import Code, Examined, Finding, Limits, Report, Severity
from shared.doctor.rights import list_missing, list_needed
from shared.doctor.run import examine
from tests.support.doctor import break_by, build_settings, codes
from tests.support.servers import database_named

pytestmark = pytest.mark.integration

AT_ONCE = Limits(long_transaction_s=0, lock_wait_s=0)
GRANTED = """
SELECT DISTINCT grantee || ' ' || privilege_type || ' ' || table_name
FROM information_schema.role_table_grants WHERE grantee = ANY($1::text[])
"""
SLOT = "doctor_of_tests"


def find_one(report: Report, code: Code) -> Finding:
    (found,) = [finding for finding in report.findings if finding.code is code]
    return found


@pytest_asyncio.fixture
async def other(shared_migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect a second session, whose transaction is rolled back."""
    conn = await asyncpg.connect(shared_migrated_url)
    yield conn
    await conn.close()


async def name_roles(conn: AsyncConnection) -> dict[str, str]:
    """Create the roles of the database, and return their names."""
    database = await conn.scalar(text("SELECT current_database()"))
    await roles.apply(conn, {})
    return {role: roles.name_role(str(database), role) for role in roles.ROLES}


async def test_a_new_database_is_healthy_but_for_the_settings_of_the_tests(
    shared_migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers of tests write nothing to the disk."""
    monkeypatch.delenv("CHATIA_BACKUPS", raising=False)
    report = await examine(build_settings(shared_migrated_url))
    assert find_one(report, Code.BACKUP_UNKNOWN).severity is Severity.NOTICE
    assert "chatia db roles" in find_one(report, Code.ROLES_MISSING).fix
    unsafe = [each.sentence for each in report.findings if each.code is Code.SETTING_UNSAFE]
    assert "fsync is off." in unsafe
    others = {each.code for each in report.findings if each.severity is not Severity.NOTICE}
    assert others - {Code.SETTING_UNSAFE, Code.DISK_LOW} == set()
    assert report.checks == tuple(run.CHECKS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("//chatia:", "//chatia:not-"), Code.LOGIN_REFUSED),
        (lambda url: url.replace("//chatia:", "//nobody:"), Code.LOGIN_REFUSED),
        (lambda url: database_named(url, "no_such_database"), Code.DATABASE_MISSING),
    ],
)
async def test_a_refused_connection_is_all_that_is_found(
    shared_migrated_url: str, change: Callable[[str], str], code: Code
) -> None:
    report = await examine(build_settings(change(shared_migrated_url)))
    assert codes(report.findings) == [code]


async def test_an_empty_database_needs_its_tables_only(database_url: str) -> None:
    report = await examine(build_settings(database_url))
    assert "chatia db upgrade" in find_one(report, Code.SCHEMA_MISSING).fix
    assert Code.CHECK_FAILED not in codes(report.findings)
    assert Code.INDEX_MISSING not in codes(report.findings)


async def test_a_schema_of_another_version_is_found(migrated_url: str) -> None:
    steps = await migrations.list_history(migrated_url)
    conn = await asyncpg.connect(migrated_url)
    await conn.execute("UPDATE alembic_version SET version_num = $1", steps[-2].revision)
    report = await examine(build_settings(migrated_url))
    assert steps[-1].revision in find_one(report, Code.MIGRATIONS_PENDING).sentence
    await conn.execute("UPDATE alembic_version SET version_num = '29991231000000'")
    report = await examine(build_settings(migrated_url))
    assert "29991231000000" in find_one(report, Code.REVISION_UNKNOWN).sentence
    await conn.close()


async def test_a_migration_that_runs_is_named(examined: Examined, shared_migrated_url: str) -> None:
    async with migrations.exclusive_connection(shared_migrated_url):
        found = codes(await schema_checks.find(examined))
    assert Code.MIGRATION_RUNNING in found
    assert set(found) <= {Code.MIGRATION_RUNNING, Code.SEARCH_INDEX_MISSING}


async def test_what_was_dropped_is_missing(examined: Examined) -> None:
    await break_by(
        examined.conn,
        'DROP TABLE "Reactions"',
        'DROP INDEX "idx_tickets_status"',
        'ALTER TABLE "Users" DROP CONSTRAINT "uq_Users_email"',
        'DROP INDEX IF EXISTS "ix_Messages_search"',
    )
    found = await schema_checks.find(examined)
    assert {(each.code, each.severity, each.sentence) for each in found} == {
        (Code.TABLE_MISSING, Severity.ERROR, "The table Reactions is missing."),
        (
            Code.INDEX_MISSING,
            Severity.WARNING,
            "The index idx_tickets_status of Tickets is missing.",
        ),
        (
            Code.INDEX_MISSING,
            Severity.ERROR,
            "The unique index uq_Users_email of Users is missing.",
        ),
        (
            Code.SEARCH_INDEX_MISSING,
            Severity.NOTICE,
            "The search of messages has no index.",
        ),
    }


async def test_what_a_broken_off_migration_leaves_is_found(examined: Examined) -> None:
    await break_by(
        examined.conn,
        """UPDATE pg_index SET indisvalid = false
           WHERE indexrelid = '"idx_tickets_status"'::regclass""",
        'ALTER TABLE "Tags" ADD CONSTRAINT odd CHECK (id % 2 = 1) NOT VALID',
    )
    found = [each for each in await schema_checks.find(examined) if each.severity != "notice"]
    assert codes(found) == [Code.INDEX_INVALID, Code.CONSTRAINT_NOT_VALID]
    assert {each.fix for each in found} == {"chatia db repair"}


async def test_after_chatia_db_roles_no_grant_is_missing_and_none_is_too_many(
    examined: Examined, shared_migrated_url: str
) -> None:
    names = await name_roles(examined.conn)
    assert await rights.find(examined) == []
    needed = {
        f"{each.role} {each.privilege} {each.table}"
        for each in list_needed(names)
        if not each.is_of_columns
    }
    granted = await examined.conn.execute(
        text(GRANTED.replace("$1", ":names").replace("::text[]", "")),
        {"names": list(names.values())},
    )
    assert {row[0] for row in granted if "alembic_version" not in row[0]} == needed
    assert shared_migrated_url


async def test_revoked_grants_are_named_by_login(examined: Examined) -> None:
    names = await name_roles(examined.conn)
    tickets, reader = names["tickets"], names["reader"]
    await break_by(
        examined.conn,
        f'REVOKE INSERT ON "Tickets" FROM "{tickets}"',
        f'REVOKE USAGE ON SEQUENCE "Tickets_id_seq" FROM "{tickets}"',
        f'REVOKE ALL ON "Queues", "Users" FROM "{reader}"',
    )
    missing = await list_missing(examined.conn, names)
    assert missing == {
        tickets: ["INSERT on Tickets", "USAGE of Tickets_id_seq"],
        reader: ["SELECT on Queues", "SELECT on Users"],
    }
    assert codes(await rights.find(examined)) == [Code.GRANTS_MISSING] * 2


async def test_a_role_that_may_not_log_in_and_a_changed_policy_are_found(
    examined: Examined,
) -> None:
    names = await name_roles(examined.conn)
    await break_by(
        examined.conn,
        f'ALTER ROLE "{names["contacts"]}" NOLOGIN',
        'ALTER POLICY readers ON "Queues" USING (true)',
        'ALTER TABLE "Tags" DISABLE ROW LEVEL SECURITY',
    )
    found = await rights.find(examined)
    assert codes(found) == [Code.ROLES_MISSING, Code.POLICIES_DIFFER]
    assert "2 tables" in found[1].sentence
    assert "Queues, Tags" in found[1].sentence


async def test_a_login_that_sees_little_is_told_so(examined: Examined) -> None:
    await break_by(examined.conn, "CREATE ROLE guest", "SET LOCAL ROLE guest")
    assert Code.PARTLY_VISIBLE in codes(await rights.find(examined))


async def test_a_long_transaction_and_a_chain_of_locks_are_found(
    examined: Examined, other: asyncpg.Connection, shared_migrated_url: str
) -> None:
    third = await asyncpg.connect(shared_migrated_url)
    lock = 'LOCK TABLE "Tags" IN ACCESS EXCLUSIVE MODE'
    async with other.transaction():
        await other.execute(lock)
        waiting = asyncio.create_task(third.execute(f"BEGIN; {lock}; COMMIT"))
        limits = replace(examined, limits=AT_ONCE)
        async with asyncio.timeout(10):
            while Code.LOCK_CHAIN not in codes(await sessions.find(limits)):  # noqa: ASYNC110 - another session
                await asyncio.sleep(0.05)
        found = await sessions.find(limits)
        pid = other.get_server_pid()
        assert any(
            each.code is Code.LONG_TRANSACTION and f"process {pid} " in each.sentence
            for each in found
        )
        (chain,) = [each for each in found if each.code is Code.LOCK_CHAIN]
        assert f"process {pid} (" in chain.sentence
        assert "blocks 1 session" in chain.sentence
        assert codes(await sessions.find(examined)) == []
    await waiting
    await third.close()


async def test_a_database_that_takes_too_few_connections_is_found(examined: Examined) -> None:
    name = await examined.conn.scalar(text("SELECT current_database()"))
    await break_by(examined.conn, f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    (found,) = await sessions.find(examined)
    assert (found.code, found.severity) == (Code.CONNECTIONS_SHORT, Severity.ERROR)


async def test_a_slot_that_nobody_reads_is_found(
    examined: Examined, other: asyncpg.Connection
) -> None:
    await other.execute(f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    try:
        found = [each for each in await wal.find(examined) if SLOT in each.sentence]
    finally:
        await other.execute(f"SELECT pg_drop_replication_slot('{SLOT}')")
    assert codes(found) == [Code.SLOT_HOLDS_WAL]
    assert "is read by nobody" in found[0].sentence


async def test_a_read_only_database_is_found(examined: Examined) -> None:
    await break_by(examined.conn, "SET LOCAL default_transaction_read_only = on")
    assert codes(await wal.find(examined)) == [Code.READ_ONLY]


async def test_an_unsafe_setting_of_one_role_is_found(examined: Examined) -> None:
    names = await name_roles(examined.conn)
    await break_by(examined.conn, f'ALTER ROLE "{names["messages"]}" SET synchronous_commit = off')
    sentences = [each.sentence for each in await server.find(examined)]
    assert f"synchronous_commit is off for {names['messages']}." in sentences


async def test_without_kafka_checkpoints_are_not_compared(examined: Examined) -> None:
    await break_by(
        examined.conn,
        """INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset")
           VALUES ('tickets', 'chatia.message.stored', 0, 5)""",
    )
    (found,) = await checkpoints.find(examined)
    assert (found.code, found.severity) == (Code.KAFKA_UNKNOWN, Severity.NOTICE)


async def test_without_a_backup_in_the_place_that_is_set_there_is_a_warning(
    examined: Examined, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (str(tmp_path), "ftp://backups"):
        monkeypatch.setenv("CHATIA_BACKUPS", place)
        (found,) = await backups.find(examined)
        assert (found.code, found.severity) == (Code.BACKUP_UNKNOWN, Severity.WARNING)
        assert place in found.sentence


async def test_a_check_that_fails_leaves_the_others(
    shared_migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(examined: Examined) -> list[Finding]:
        await examined.conn.execute(text("SELECT 1 / 0"))
        return []

    monkeypatch.setattr(run, "CHECKS", {**run.CHECKS, "bloat": fail})
    report = await examine(build_settings(shared_migrated_url))
    assert find_one(report, Code.CHECK_FAILED).sentence == (
        "The check of bloat failed: division by zero."
    )
    assert find_one(report, Code.CHECK_FAILED).fix.endswith("as the owner of the database")
    assert Code.SETTING_UNSAFE in codes(report.findings)


async def test_a_check_that_waits_for_a_lock_names_the_command_that_shows_locks(
    shared_migrated_url: str, other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(examined: Examined) -> list[Finding]:
        await examined.conn.execute(text("SET statement_timeout = '50ms'"))
        await examined.conn.execute(text('SELECT count(*) FROM "Tags"'))
        return []

    monkeypatch.setattr(run, "CHECKS", {**run.CHECKS, "checkpoints": wait})
    async with other.transaction():
        await other.execute('LOCK TABLE "Tags" IN ACCESS EXCLUSIVE MODE')
        report = await examine(build_settings(shared_migrated_url))
    found = [each for each in report.findings if each.sentence.startswith("The check of checkp")]
    assert codes(found) == [Code.CHECK_FAILED]
    assert "waited for a lock" in found[0].cause
    assert found[0].fix.startswith("chatia db locks")
