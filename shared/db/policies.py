"""Row-level security, derived from the mapped tables: readers see the rows of one company.

The policies name roles, which belong to the cluster, so the command that makes the roles makes the
policies as well, never a migration. A table that the command has not seen yet is granted to nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.purged import begun_by
from shared.schema import INTERNAL, metadata
from shared.schema.base import company_column

# Written as Postgres gives it back, so that a policy that is right is left alone.
NAMED: Final = "(NULLIF(current_setting('app.company_id'::text, true), ''::text))::integer"

READERS: Final = "readers"
SERVICES: Final = "services"

# What is put under purge, only its owner says; all services carry it out.
BEGUN_BY_SOME: Final = ("Purges", "PurgedRows")

SWITCHED_ON = statement("""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
""")

FOUND = statement("""
SELECT tablename, policyname, permissive, roles, cmd, qual, with_check
FROM pg_policies
WHERE schemaname = 'public' AND tablename = ANY(CAST(:tables AS text[]))
""")

# A policy that was made for a role of ours, or for everyone, would let its rows through as well.
EVERYONE: Final = "public"

NAME_COMPANY = statement("SELECT set_config('app.company_id', CAST(:company AS text), true)")


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may see, and write, which rows of a table."""

    table: str
    name: str
    roles: frozenset[str]
    command: str
    condition: str | None
    check: str | None


async def name_company(conn: AsyncConnection, company: int) -> None:
    """Tell the database whose rows a reader is to see until its transaction ends."""
    await conn.execute(NAME_COMPANY, {"company": str(company)})


def is_readable(table: Table) -> bool:
    """Whether readers have a business in it: it says whose a row is, or is the platform's own."""
    return company_column(table) is not None or table.name not in INTERNAL


def condition(table: Table) -> str | None:
    """Say which rows of a table are a reader's; None where there is no company to tell by.

    Rows without a company are the platform's and everybody's in documented tables; in internal ones
    nobody knows whose they are.
    """
    company = "id" if table.name == "Companies" else company_column(table)
    if company is None:
        return None
    column = company if company.islower() else f'"{company}"'
    own = f"({column} = {NAMED})"
    if not table.columns[company].nullable or table.name in INTERNAL:
        return own
    return f"({own} OR (({column} IS NULL) AND ({NAMED} IS NOT NULL)))"


def expected(reader: str, services: Mapping[str, str]) -> Iterator[Policy]:
    """Give the policies of all tables: what services may write, their grants say.

    `services` names the role of each.
    """
    workers = frozenset(services.values())
    for table in metadata.sorted_tables:
        rows = condition(table)
        if rows is not None:
            yield Policy(table.name, READERS, frozenset({reader}), "SELECT", rows, None)
            if table.name in BEGUN_BY_SOME:
                yield from _begun_by_some(table.name, services)
            else:
                yield Policy(table.name, SERVICES, workers, "ALL", "true", "true")


def _begun_by_some(table: str, services: Mapping[str, str]) -> Iterator[Policy]:
    """Let every service see and note all; each puts rows of its own tables under purge."""
    workers = frozenset(services.values())
    for command, check in (("SELECT", None), ("UPDATE", "true"), ("DELETE", None)):
        yield Policy(table, f"{SERVICES} {command}", workers, command, "true", check)
    for service, role in services.items():
        if names := begun_by(service):
            listed = ", ".join(f"'{name}'::text" for name in names)
            check = f'("tableName" = ANY (ARRAY[{listed}]))'
            yield Policy(table, f"{service} INSERT", frozenset({role}), "INSERT", None, check)


async def apply(conn: AsyncConnection, reader: str, services: Mapping[str, str]) -> None:
    """Make the policies that are missing, drop what would let more through; twice is once.

    Nothing is touched that is right: each change locks its table for an instant. The owner of the
    tables is above them, or a backup by a login that is no superuser would fail.
    """
    wanted = set(expected(reader, services))
    tables = sorted({policy.table for policy in wanted})
    found = await _found(conn, tables)
    names = {(policy.table, policy.name) for policy in wanted}
    ours = {reader, *services.values(), EVERYONE}
    for policy in found - wanted:
        if (policy.table, policy.name) in names or policy.roles & ours:
            await conn.exec_driver_sql(f"DROP POLICY {quoted(policy.name)} ON {_of(policy)}")
    for policy in sorted(wanted - found, key=lambda each: (each.table, each.name)):
        await conn.exec_driver_sql(_made(policy))
    switched_on = set((await conn.execute(SWITCHED_ON)).scalars())
    for table in tables:
        if table not in switched_on:
            await conn.exec_driver_sql(
                f"ALTER TABLE public.{quoted(table)} ENABLE ROW LEVEL SECURITY"
            )


def quoted(name: str) -> str:
    """Write a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


async def _found(conn: AsyncConnection, tables: Sequence[str]) -> set[Policy]:
    rows = await conn.execute(FOUND, {"tables": tables})
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


def _made(policy: Policy) -> str:
    roles = ", ".join(map(quoted, sorted(policy.roles)))
    using = f" USING ({policy.condition})" if policy.condition else ""
    check = f" WITH CHECK ({policy.check})" if policy.check else ""
    return (
        f"CREATE POLICY {quoted(policy.name)} ON {_of(policy)} FOR {policy.command} TO {roles}"
        f"{using}{check}"
    )


def _of(policy: Policy) -> str:
    return f"public.{quoted(policy.table)}"
