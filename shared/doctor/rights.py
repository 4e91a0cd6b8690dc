"""Whether the logins of services and readers have the grants and policies that they need."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import policies, roles
from shared.db.bulk import rows_as_columns, source, statement
from shared.db.purged import FORGET_SEED_ROWS, PURGE_OLD_TICKETS, PURGE_ROWS, list_purge_roots
from shared.db.roles import READER, ROLES, SEARCH, list_deletable_tables, list_own_tables, name_role
from shared.doctor.findings import Code, Examined, Finding, Severity, count
from shared.schema import OWNERS, SERVICES, metadata
from shared.schema.secret_columns import SECRETS

FIX = "chatia db roles"
NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class NeededGrant:
    """A privilege that a role needs on a table, or on some of its columns."""

    role: str
    table: str
    privilege: str
    is_of_columns: bool = False


@dataclass(frozen=True, slots=True)
class NeededFunction:
    """A function that a role calls."""

    role: str
    name: str


FIND_ROLES = statement("""
SELECT rolname::text AS name, rolcanlogin AS may_login FROM pg_roles
WHERE rolname = ANY(CAST(:names AS text[]))
""")

MISSING_GRANTS = statement(f"""
SELECT b.role, b."table", b.privilege
FROM {source(NeededGrant)}
JOIN pg_class c ON c.relname = b."table" AND c.relnamespace = 'public'::regnamespace
JOIN pg_roles r ON r.rolname = b.role
WHERE NOT CASE WHEN b.is_of_columns THEN has_any_column_privilege(r.oid, c.oid, b.privilege)
               ELSE has_table_privilege(r.oid, c.oid, b.privilege) END
ORDER BY 1, 2, 3
""")  # noqa: S608 - from a constant type

MISSING_SEQUENCES = statement(f"""
SELECT DISTINCT b.role, s.relname::text AS name
FROM {source(NeededGrant)}
JOIN pg_roles r ON r.rolname = b.role
JOIN pg_class t ON t.relname = b."table" AND t.relnamespace = 'public'::regnamespace
JOIN pg_depend d ON d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE b.privilege = 'INSERT' AND NOT has_sequence_privilege(r.oid, s.oid, 'USAGE')
ORDER BY 1, 2
""")  # noqa: S608 - from a constant type

MISSING_FUNCTIONS = statement(f"""
SELECT b.role, b.name
FROM {source(NeededFunction)} JOIN pg_roles r ON r.rolname = b.role
WHERE NOT has_function_privilege(r.oid, to_regprocedure(b.name), 'EXECUTE')
ORDER BY 1, 2
""")  # noqa: S608 - from a constant type

DOORS = statement("""
SELECT rolname::text AS role FROM pg_roles r WHERE rolname = ANY(CAST(:names AS text[]))
  AND NOT (has_database_privilege(r.oid, current_database(), 'CONNECT')
           AND has_schema_privilege(r.oid, 'public', 'USAGE'))
""")

LOGIN = statement("""
SELECT current_database() AS database, current_user::text AS login,
       pg_has_role('pg_monitor', 'USAGE') AS may_see_all
""")


async def find(examined: Examined) -> list[Finding]:
    """Find missing roles, grants and policies, and what the own login cannot see."""
    login = (await examined.conn.execute(LOGIN)).one()
    visible = [] if login.may_see_all else [_find_partly_visible(login.login)]
    names = {role: name_role(login.database, role) for role in ROLES}
    found = await examined.conn.execute(FIND_ROLES, {"names": list(names.values())})
    may_login = {row.name: row.may_login for row in found}
    if not may_login:
        return [*visible, _find_no_roles(login.database)]
    return [
        *visible,
        *judge_roles(names.values(), may_login),
        *judge_grants(await list_missing(examined.conn, names)),
        *_judge_policies(await _list_differing(examined.conn, names)),
    ]


def list_needed(names: dict[str, str]) -> Iterator[NeededGrant]:
    """Yield what `chatia db roles` grants on tables; `names` are the logins by role."""
    for service in SERVICES:
        name = names[service]
        for table in OWNERS:
            yield NeededGrant(name, table, "SELECT")
        for table in list_own_tables(service):
            yield NeededGrant(name, table, "INSERT")
            yield NeededGrant(name, table, "UPDATE")
        for table in list_deletable_tables(service):
            yield NeededGrant(name, table, "DELETE")
        yield from _list_of_purges(service, name)
    for readable in metadata.sorted_tables:
        if policies.is_readable(readable):
            is_of_columns = readable.name in SECRETS
            yield NeededGrant(names[READER], readable.name, "SELECT", is_of_columns)


def _list_of_purges(service: str, name: str) -> Iterator[NeededGrant]:
    yield NeededGrant(name, "Purges", "UPDATE", is_of_columns=True)
    for table in policies.PURGE_TABLES:
        if list_purge_roots(service):
            yield NeededGrant(name, table, "INSERT")
        if OWNERS["Companies"] == service:
            yield NeededGrant(name, table, "DELETE")


def list_functions(names: dict[str, str]) -> Iterator[NeededFunction]:
    """Yield the functions that the logins call."""
    for service in SERVICES:
        if list_purge_roots(service):
            yield NeededFunction(names[service], PURGE_ROWS)
        if OWNERS["Tickets"] == service:
            yield NeededFunction(names[service], PURGE_OLD_TICKETS)
        if OWNERS["Companies"] == service:
            yield NeededFunction(names[service], FORGET_SEED_ROWS)
    yield NeededFunction(names[READER], SEARCH)


async def list_missing(conn: AsyncConnection, names: dict[str, str]) -> dict[str, list[str]]:
    """Return what each login lacks, in words, by its name; tables that do not exist are left out.

    A constant number of statements for any number of tables.
    """
    needed = rows_as_columns(list(list_needed(names)), NeededGrant)
    functions = rows_as_columns(list(list_functions(names)), NeededFunction)
    grants = await conn.execute(MISSING_GRANTS, needed)
    sequences = await conn.execute(MISSING_SEQUENCES, needed)
    called = await conn.execute(MISSING_FUNCTIONS, functions)
    doors = await conn.execute(DOORS, {"names": list(names.values())})
    lacking: dict[str, list[str]] = {}
    for role, what in (
        *((row.role, "CONNECT or USAGE of the schema public") for row in doors),
        *((row.role, f"{row.privilege} on {row.table}") for row in grants),
        *((row.role, f"USAGE of {row.name}") for row in sequences),
        *((row.role, f"EXECUTE of {row.name}") for row in called),
    ):
        lacking.setdefault(role, []).append(what)
    return lacking


def judge_roles(names: Iterable[str], may_login: dict[str, bool]) -> list[Finding]:
    """Return findings for roles that do not exist, or may not log in."""
    problems = {
        name: "does not exist" if name not in may_login else "may not log in"
        for name in names
        if not may_login.get(name)
    }
    return [
        Finding(
            Code.ROLES_MISSING,
            Severity.ERROR,
            f"The role {name} {problem}.",
            "Somebody dropped or locked it, or the database came from another server: roles "
            "belong to the server, not to a database.",
            FIX,
        )
        for name, problem in problems.items()
    ]


def judge_grants(lacking: dict[str, list[str]]) -> list[Finding]:
    """Return a finding for each login that lacks privileges, which are named by examples."""
    return [
        Finding(
            Code.GRANTS_MISSING,
            Severity.ERROR,
            f"{role} lacks {count(len(missing), 'grant')}: {_shorten(missing)}.",
            "`chatia db roles` did not run after the last upgrade or restore, or somebody revoked "
            "them.",
            FIX,
        )
        for role, missing in lacking.items()
    ]


def _judge_policies(tables: list[str]) -> list[Finding]:
    if not tables:
        return []
    return [
        Finding(
            Code.POLICIES_DIFFER,
            Severity.ERROR,
            f"The row-level security of {count(len(tables), 'table')} is not what it has to be: "
            f"{_shorten(tables)}.",
            "Somebody changed policies by hand, or `chatia db roles` did not run after an upgrade: "
            "readers may see rows of other companies, or workers none.",
            FIX,
        )
    ]


async def _list_differing(conn: AsyncConnection, names: dict[str, str]) -> list[str]:
    services = {service: names[service] for service in SERVICES}
    return await policies.list_differing(conn, names[roles.READER], services)


def _find_no_roles(database: str) -> Finding:
    return Finding(
        Code.ROLES_MISSING,
        Severity.NOTICE,
        f"There are no logins of services and readers, such as {name_role(database, 'tickets')}.",
        "`chatia db roles` has not run on this server: workers log in as the owner, who may do "
        "everything.",
        FIX,
    )


def _find_partly_visible(login: str) -> Finding:
    return Finding(
        Code.PARTLY_VISIBLE,
        Severity.NOTICE,
        f"{login} does not see the statements and states of other logins' sessions.",
        "It is no member of pg_monitor, so some problems are not found.",
        f"psql -U postgres -c 'GRANT pg_monitor TO \"{login}\"'",
    )


def _shorten(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    return shown if len(names) <= NAMED_AT_MOST else f"{shown} …"
