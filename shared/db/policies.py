"""Row-level security, derived from the mapped tables: readers see the rows of one company.

Policies refer to roles, which belong to the whole cluster, so `chatia db roles` creates both, not a
migration. A new table is granted to nobody until that command has run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.purged import list_purge_roots
from shared.schema import INTERNAL, metadata
from shared.schema.base import find_company_column

# As Postgres prints it, so that an unchanged policy compares as equal.
COMPANY_SQL: Final = "(NULLIF(current_setting('app.company_id'::text, true), ''::text))::integer"

READERS: Final = "readers"
SERVICES: Final = "services"

# Only the owner of a table begins purges of its rows; all services run them.
PURGE_TABLES: Final = ("Purges", "PurgedRows")

PROTECTED_TABLES = statement("""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
""")

TABLES = statement("""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
""")

EXISTING = statement("""
SELECT tablename, policyname, permissive, roles, cmd, qual, with_check
FROM pg_policies
WHERE schemaname = 'public' AND tablename = ANY(CAST(:tables AS text[]))
""")

# Permissive policies are combined with OR: an additional one would allow more rows.
EVERYONE: Final = "public"

SET_COMPANY = statement("SELECT set_config('app.company_id', CAST(:company AS text), true)")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: which roles may run a command on which rows of a table."""

    table: str
    name: str
    roles: frozenset[str]
    command: str
    condition: str | None
    check: str | None


async def set_company(conn: AsyncConnection, company: int) -> None:
    """Set the company whose rows a reader sees until its transaction ends."""
    await conn.execute(SET_COMPANY, {"company": str(company)})


def is_readable(table: Table) -> bool:
    """Return whether readers may see a table: its rows have a company or are the platform's."""
    return find_company_column(table) is not None or table.name not in INTERNAL


def build_condition(table: Table) -> str | None:
    """Return the condition of the rows that a reader sees; None if rows have no company.

    Rows without a company are visible to every reader in documented tables, where they are the
    platform's, and to none in internal tables.
    """
    company = "id" if table.name == "Companies" else find_company_column(table)
    if company is None:
        return None
    column = company if company.islower() else f'"{company}"'
    own = f"({column} = {COMPANY_SQL})"
    if not table.columns[company].nullable or table.name in INTERNAL:
        return own
    return f"({own} OR (({column} IS NULL) AND ({COMPANY_SQL} IS NOT NULL)))"


def build_policies(reader: str, services: Mapping[str, str]) -> Iterator[Policy]:
    """Yield the policies of all tables; services see all rows, and grants limit what they write.

    `services` are their roles' names.
    """
    workers = frozenset(services.values())
    for table in metadata.sorted_tables:
        rows = build_condition(table)
        if rows is not None:
            yield Policy(table.name, READERS, frozenset({reader}), "SELECT", rows, None)
            if table.name in PURGE_TABLES:
                yield from _build_purge_policies(table.name, services)
            else:
                yield Policy(table.name, SERVICES, workers, "ALL", "true", "true")


def _build_purge_policies(table: str, services: Mapping[str, str]) -> Iterator[Policy]:
    """Yield policies: every service reads and updates all; each begins purges of its own tables."""
    workers = frozenset(services.values())
    for command, check in (("SELECT", None), ("UPDATE", "true"), ("DELETE", None)):
        yield Policy(table, f"{SERVICES} {command}", workers, command, "true", check)
    for service, role in services.items():
        if names := list_purge_roots(service):
            listed = ", ".join(f"'{name}'::text" for name in names)
            check = f'("tableName" = ANY (ARRAY[{listed}]))'
            yield Policy(table, f"{service} INSERT", frozenset({role}), "INSERT", None, check)


async def apply(conn: AsyncConnection, reader: str, services: Mapping[str, str]) -> None:
    """Create missing policies and drop unknown ones; running it again changes nothing.

    Correct policies are not replaced, because each change locks the table. There is no FORCE ROW
    LEVEL SECURITY: a pg_dump by an owner who is not a superuser would fail.
    """
    wanted = set(build_policies(reader, services))
    tables = sorted({policy.table for policy in wanted})
    existing = await _load_policies(conn, tables)
    for policy in _list_wrong(wanted, existing, {reader, *services.values()}):
        name = quote_name(policy.name)
        await conn.exec_driver_sql(f"DROP POLICY {name} ON {quote_table(policy.table)}")
    for policy in sorted(wanted - existing, key=lambda each: (each.table, each.name)):
        await conn.exec_driver_sql(_build_create(policy))
    protected = set((await conn.execute(PROTECTED_TABLES)).scalars())
    for table in tables:
        if table not in protected:
            await conn.exec_driver_sql(
                f"ALTER TABLE {quote_table(table)} ENABLE ROW LEVEL SECURITY"
            )


async def list_differing(
    conn: AsyncConnection, reader: str, services: Mapping[str, str]
) -> list[str]:
    """Return the tables on which `apply` would change a policy; tables that do not exist are not.

    Nothing is changed.
    """
    wanted = set(build_policies(reader, services))
    existing = await _load_policies(conn, sorted({policy.table for policy in wanted}))
    wrong = set(_list_wrong(wanted, existing, {reader, *services.values()}))
    protected = set((await conn.execute(PROTECTED_TABLES)).scalars())
    tables = set((await conn.execute(TABLES)).scalars())
    differing = {policy.table for policy in wrong | (wanted - existing)}
    return sorted((differing | ({policy.table for policy in wanted} - protected)) & tables)


def _list_wrong(wanted: set[Policy], existing: set[Policy], roles: set[str]) -> list[Policy]:
    """Return existing policies to drop: of a name that is wanted otherwise, or for our roles."""
    names = {(policy.table, policy.name) for policy in wanted}
    ours = {*roles, EVERYONE}
    return [
        policy
        for policy in existing - wanted
        if (policy.table, policy.name) in names or policy.roles & ours
    ]


def quote_name(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_table(name: str) -> str:
    """Return a table of the schema public as a quoted identifier."""
    return f"public.{quote_name(name)}"


async def _load_policies(conn: AsyncConnection, tables: Sequence[str]) -> set[Policy]:
    rows = await conn.execute(EXISTING, {"tables": tables})
    return {
        Policy(
            row.tablename,
            row.policyname,
            frozenset(row.roles),
            row.cmd if row.permissive == "PERMISSIVE" else row.permissive,
            row.qual,
            row.with_check,
        )
        for row in rows
    }


def _build_create(policy: Policy) -> str:
    roles = ", ".join(map(quote_name, sorted(policy.roles)))
    using = f" USING ({policy.condition})" if policy.condition else ""
    check = f" WITH CHECK ({policy.check})" if policy.check else ""
    name, table = quote_name(policy.name), quote_table(policy.table)
    return f"CREATE POLICY {name} ON {table} FOR {policy.command} TO {roles}{using}{check}"
