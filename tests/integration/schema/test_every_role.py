"""Every role tries every command on every table; rights follow from the owners."""

import asyncio

import asyncpg
import pytest

from shared.db.policies import PURGE_TABLES, is_readable
from shared.db.purged import PURGED_TABLES
from shared.db.roles import READER, ROLES
from shared.schema import EVERY_SERVICE, OWNERS, metadata
from tests.support import catalog
from tests.support.minimal import Rows
from tests.support.role_rows import fill, login_of
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration

DENIED = "denied"
COMMANDS = {
    "SELECT": 'SELECT FROM "{table}"',
    "INSERT": 'INSERT INTO "{table}" DEFAULT VALUES',
    "UPDATE": 'UPDATE "{table}" SET "{column}" = "{column}"',
    "DELETE": 'DELETE FROM "{table}"',
}

Tried = dict[tuple[str, str], dict[str, str]]


async def attempt(conn: asyncpg.Connection, role: str, command: str) -> str:
    """Run a command as a role and roll it back; return the number of rows."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        await conn.execute(f'SET LOCAL ROLE "{role}"')
        done: str = await conn.execute(command)
    except asyncpg.InsufficientPrivilegeError:
        return DENIED
    except asyncpg.IntegrityConstraintViolationError:
        return "1"  # of INSERT without values: the role may, only the row lacks something
    else:
        return done.rpartition(" ")[2]
    finally:
        await transaction.rollback()


async def try_everything(servers: TestServers, template: str) -> Tried:
    """Try every command as every role, with rows of two companies in every table."""
    async with cloned(servers.database_url, template) as url:
        conn = await asyncpg.connect(url)
        try:
            await fill(conn, Rows(conn, await catalog.read(url)))
            return {
                (role, table.name): {
                    name: await attempt(
                        conn,
                        await login_of(conn, role),
                        command.format(table=table.name, column=table.columns.keys()[0]),
                    )
                    for name, command in COMMANDS.items()
                }
                | {"rows": str(await conn.fetchval(f'SELECT count(*) FROM "{table.name}"'))}  # noqa: S608 - our own tables
                for role in ROLES
                for table in metadata.sorted_tables
            }
        finally:
            await conn.close()


@pytest.fixture(scope="module")
def tried(servers: TestServers, migrated_template: str) -> Tried:
    """Try everything once; each test looks at one table and role."""
    return asyncio.run(try_everything(servers, migrated_template))


@pytest.mark.parametrize("table", sorted(OWNERS.keys() - set(PURGE_TABLES)))
@pytest.mark.parametrize("role", [role for role in ROLES if role != READER])
def test_a_service_reads_every_row_and_writes_its_own_tables_only(
    tried: Tried, role: str, table: str
) -> None:
    found = tried[role, table]
    all_rows = found["rows"]
    assert int(all_rows) >= 1
    writes = OWNERS[table] in {role, EVERY_SERVICE}
    assert found == {
        "SELECT": all_rows,
        "INSERT": "1" if writes else DENIED,
        "UPDATE": all_rows if writes else DENIED,
        "DELETE": all_rows if writes and table not in PURGED_TABLES else DENIED,
        "rows": all_rows,
    }


@pytest.mark.parametrize("table", PURGE_TABLES)
@pytest.mark.parametrize("role", [role for role in ROLES if role != READER])
def test_a_service_changes_no_purge_and_only_the_owner_of_companies_deletes_one(
    tried: Tried, role: str, table: str
) -> None:
    found = tried[role, table]
    forgets = found["rows"] if role == OWNERS["Companies"] else DENIED
    assert [found[command] for command in ("SELECT", "UPDATE", "DELETE")] == [
        found["rows"],
        DENIED,
        forgets,
    ]


@pytest.mark.parametrize("table", sorted(OWNERS))
def test_a_reader_writes_nothing_and_reads_what_has_a_company_or_is_documented(
    tried: Tried, table: str
) -> None:
    found = tried[READER, table]
    assert {found[command] for command in ("INSERT", "UPDATE", "DELETE")} == {DENIED}
    assert (found["SELECT"] != DENIED) == is_readable(metadata.tables[table])
