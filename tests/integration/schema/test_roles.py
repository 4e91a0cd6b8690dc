"""The role of a service writes its own tables only, and deletes no rows that are purged."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import roles
from shared.db.policies import PURGE_TABLES
from shared.db.purged import PURGED_TABLES, RETAINED_TABLES, list_purge_roots
from shared.db.roles import ROLES, UnusablePasswordError
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES

pytestmark = pytest.mark.integration

NO_PRIVILEGE = "42501"
PRIVILEGES = """
SELECT has_table_privilege(:role, format('public.%I', CAST(:table AS text)), :privilege)
"""

WRITES = """
SELECT has_column_privilege(:role, format('public.%I', CAST(:table AS text)), :column, 'UPDATE')
"""

READS_HASHES = "SELECT has_column_privilege(:role, 'public.\"Users\"', 'passwordHash', 'SELECT')"
POLICIES = """
SELECT p.*, c.relrowsecurity FROM pg_policies p
JOIN pg_class c ON c.oid = format('public.%I', p.tablename)::regclass
"""
ABOVE = """
SELECT count(*) FROM pg_roles r WHERE rolname = ANY(CAST(:names AS text[]))
  AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
       OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid)
       OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))
"""


@pytest_asyncio.fixture
async def conn(migrated_url: str) -> AsyncIterator[AsyncConnection]:
    """Connect in a transaction that is rolled back: roles belong to the whole cluster."""
    engine = create_async_engine(
        migrated_url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool
    )
    async with engine.connect() as conn:
        yield conn
        await conn.rollback()
    await engine.dispose()


async def test_a_service_writes_its_own_tables_and_reads_all(conn: AsyncConnection) -> None:
    await roles.apply(conn, {})
    for service in SERVICES:
        for table, owner in OWNERS.items():
            if table in PURGE_TABLES:
                continue
            writes = owner in {service, EVERY_SERVICE}
            deletes = writes and table not in PURGED_TABLES
            may = [await _may(conn, service, table, each) for each in ("INSERT", "UPDATE")]
            assert may == [writes, writes], (service, table)
            assert await _may(conn, service, table, "DELETE") == deletes, (service, table)
            assert await _may(conn, service, table, "SELECT")
            assert not await _may(conn, service, table, "TRUNCATE")


async def test_a_role_that_may_not_log_in_may_again(conn: AsyncConnection) -> None:
    name = (await roles.apply(conn, {}))[0].name
    await conn.execute(text(f'ALTER ROLE "{name}" NOLOGIN'))
    first, *others = await roles.apply(conn, {})
    assert first.was_locked
    assert not any(role.was_locked for role in others)
    logins = "SELECT rolcanlogin FROM pg_roles WHERE rolname = :name"
    assert await conn.scalar(text(logins), {"name": name})


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("tickets", """INSERT INTO "Messages" (body) VALUES ('x')"""),
        ("tickets", 'DELETE FROM "Tickets"'),
        ("contacts", 'DELETE FROM "Contacts"'),
        ("messages", 'DELETE FROM "Whatsapps"'),
        ("campaigns", 'UPDATE "Tickets" SET status = status'),
        ("reader", """INSERT INTO "Plans" (name) VALUES ('x')"""),
    ],
)
async def test_what_a_role_must_not_do_fails(
    conn: AsyncConnection, role: str, command: str
) -> None:
    await _become(conn, role)
    with pytest.raises(ProgrammingError, match="permission denied"):
        await conn.execute(text(command))


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_begins_purges_of_its_own_tables_only(
    conn: AsyncConnection, service: str
) -> None:
    await _become(conn, service)
    let = {t for t in {*PURGED_TABLES, *RETAINED_TABLES} if await _begins(conn, t)}
    assert let == set(list_purge_roots(service))
    assert await _may_write(conn, service, "Purges", "removed")
    assert not await _may_write(conn, service, "Purges", "tableName")


async def _begins(conn: AsyncConnection, table: str) -> bool:
    """Try to begin a purge, and roll it back."""
    attempt = await conn.begin_nested()
    try:
        await conn.execute(
            text("""
            WITH begun AS (
              INSERT INTO "Purges" ("companyId", "tableName", "requestId", deleted)
              VALUES (1, :name, 'r', '{}') RETURNING id)
            SELECT id FROM begun"""),
            {"name": table},
        )
        await conn.execute(
            text("""
            INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
            SELECT max(id), :name, 1, 1 FROM "Purges" """),
            {"name": table},
        )
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NO_PRIVILEGE:
            raise
        return False
    else:
        return True
    finally:
        await attempt.rollback()


async def test_a_service_can_do_its_work(conn: AsyncConnection) -> None:
    """Ids come from sequences, and Postgres checks parents of other owners."""
    await conn.execute(text("""INSERT INTO "Companies" (name) VALUES ('Padaria')"""))
    await _become(conn, "contacts")
    await conn.execute(
        text("""INSERT INTO "Contacts" ("companyId", name) SELECT id, 'x' FROM "Companies" """)
    )
    await conn.execute(
        text("""INSERT INTO "DeadLetters" (service, topic, partition, "offset", reason)
                VALUES ('contacts', 't', 0, 1, 'unreadable')""")
    )
    await conn.execute(text('SELECT FROM "Contacts" FOR NO KEY UPDATE'))


async def test_running_again_changes_nothing_and_restores_changed_grants(
    conn: AsyncConnection,
) -> None:
    first = await roles.apply(conn, {})
    made = await _policies(conn)
    tickets, reader = f'"{first[0].name}"', f'"{first[-1].name}"'
    for harm in (
        f'GRANT DELETE ON "Tickets" TO {tickets}',
        f'REVOKE ALL ON "Plans" FROM {tickets}',
        f'GRANT SELECT ON "Users" TO {reader}',
        f'CREATE POLICY open ON "Users" TO {reader} USING (true)',
        'CREATE POLICY door ON "Users" USING (true)',
        'ALTER POLICY readers ON "Queues" USING (true)',
        'DROP POLICY services ON "Tags"',
        'ALTER TABLE "Tags" DISABLE ROW LEVEL SECURITY',
    ):
        await conn.execute(text(harm))
    again = await roles.apply(conn, {})
    assert await _policies(conn) == made
    assert not await conn.scalar(text(READS_HASHES), {"role": first[-1].name})
    assert [role.created for role in first] == [True] * len(ROLES)
    assert [role.created for role in again] == [False] * len(ROLES)
    assert not await _may(conn, "tickets", "Tickets", "DELETE")
    assert await _may(conn, "tickets", "Plans", "SELECT")


async def test_running_again_alters_no_table(conn: AsyncConnection) -> None:
    """Altering would wait for transactions on a table, and later ones would wait for it."""
    await roles.apply(conn, {})
    said: list[str] = []
    event.listen(conn.sync_connection, "before_cursor_execute", lambda *args: said.append(args[2]))
    await roles.apply(conn, {})
    assert said
    assert [each for each in said if each.startswith(("ALTER TABLE", "CREATE", "DROP"))] == []


async def test_the_owner_sees_every_row_without_being_superuser(
    conn: AsyncConnection,
) -> None:
    await roles.apply(conn, {})
    await conn.execute(text("""INSERT INTO "Companies" (name) VALUES ('Padaria'), ('Livraria')"""))
    for command in (
        "CREATE ROLE landlord",
        'ALTER TABLE "Companies" OWNER TO landlord',
        "SET LOCAL ROLE landlord",
        "SET LOCAL row_security = off",  # as pg_dump does: it would fail rather than leave out rows
    ):
        await conn.execute(text(command))
    assert await conn.scalar(text('SELECT count(*) FROM "Companies"')) == 2


async def test_no_role_bypasses_the_policies(conn: AsyncConnection) -> None:
    made = await roles.apply(conn, {})
    names = [role.name for role in made]
    assert await conn.scalar(text(ABOVE), {"names": names}) == 0


async def test_a_password_is_sent_as_a_verifier_and_kept_when_none_is_given(
    conn: AsyncConnection,
) -> None:
    made = await roles.apply(conn, {"tickets": "geheim's"})
    stored = await _stored_password(conn, made[0].name)
    assert stored is not None
    assert stored.startswith("SCRAM-SHA-256$4096:")
    await roles.apply(conn, {})
    assert await _stored_password(conn, made[0].name) == stored
    assert await _stored_password(conn, made[1].name) is None


async def test_a_password_that_hashes_differently_elsewhere_is_refused(
    conn: AsyncConnection,
) -> None:
    with pytest.raises(UnusablePasswordError):
        await roles.apply(conn, {"reader": "pão"})


async def _may(conn: AsyncConnection, role: str, table: str, privilege: str) -> bool:
    database = await conn.scalar(text("SELECT current_database()"))
    parameters = {"role": f"{database}_{role}", "table": table, "privilege": privilege}
    return bool(await conn.scalar(text(PRIVILEGES), parameters))


async def _may_write(conn: AsyncConnection, service: str, table: str, column: str) -> bool:
    database = await conn.scalar(text("SELECT current_database()"))
    parameters = {"role": f"{database}_{service}", "table": table, "column": column}
    return bool(await conn.scalar(text(WRITES), parameters))


async def _policies(conn: AsyncConnection) -> set[tuple[object, ...]]:
    return {tuple(map(str, row)) for row in await conn.execute(text(POLICIES))}


async def _become(conn: AsyncConnection, role: str) -> None:
    await roles.apply(conn, {})
    database = await conn.scalar(text("SELECT current_database()"))
    await conn.execute(text(f'SET LOCAL ROLE "{database}_{role}"'))


async def _stored_password(conn: AsyncConnection, role: str) -> str | None:
    found: str | None = await conn.scalar(
        text("SELECT rolpassword FROM pg_authid WHERE rolname = :role"), {"role": role}
    )
    return found
