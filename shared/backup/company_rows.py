"""The rows of one company: a script of COPY statements, in the order of the foreign keys.

It is made by psql, in the snapshot of the backup, and read back by psql.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from shared.db.policies import quote_name, quote_table
from shared.schema import metadata
from shared.schema.base import find_company_column

COMPANIES: Final = "Companies"
# Purges are of the platform: they say what was deleted, and must not be done again.
LEFT_OUT: Final = ("Purges", "PurgedRows")


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows of the platform that the company's rows refer to, such as its plan."""

    table: str
    condition: str


def list_company_conditions(company: int) -> dict[str, str]:
    """Return the tables with rows of a company, parents first, and the condition of its rows.

    Rows of the platform, whose company is NULL, are no company's.
    """
    found = {}
    for table in metadata.sorted_tables:
        column = "id" if table.name == COMPANIES else find_company_column(table)
        if column is not None and table.name not in LEFT_OUT:
            found[table.name] = f"t.{quote_name(column)} = {company}"
    return found


def list_shared_rows(company: int) -> list[Shared]:
    """Return what the rows of a company refer to and that belongs to no company."""
    conditions = list_company_conditions(company)
    referring: dict[str, list[str]] = {}
    for name, condition in conditions.items():
        for key in metadata.tables[name].foreign_key_constraints:
            parent = key.referred_table.name
            if parent not in conditions:
                column = quote_name(key.column_keys[0])
                query = f"SELECT t.{column} FROM {quote_table(name)} t WHERE {condition}"
                referring.setdefault(parent, []).append(query)
    return [
        Shared(parent, f"t.id IN ({' UNION '.join(queries)})")
        for parent, queries in sorted(referring.items())
    ]


def build_export(company: int, columns: Mapping[str, Iterable[str]], snapshot: str) -> bytes:
    """Return the script with which psql writes the rows, as a script with which it reads them."""
    lines = [
        r"\set ON_ERROR_STOP on",
        "BEGIN ISOLATION LEVEL REPEATABLE READ;",
        f"SET TRANSACTION SNAPSHOT '{snapshot}';",
    ]
    for shared in list_shared_rows(company):
        lines += _build_shared_export(shared, columns[shared.table])
    for table, condition in list_company_conditions(company).items():
        names = _list_names(columns[table])
        target = f"{quote_table(table)} ({names})"
        lines += _build_copy(
            target, f"SELECT {names} FROM {quote_table(table)} t WHERE {condition}"
        )
    return "\n".join([*lines, "COMMIT;", ""]).encode()


def list_late_keys(company: int) -> Iterator[tuple[str, str]]:
    """Yield (table, parent) of foreign keys whose parent is loaded later, because they form cycles.

    Keys of a table to itself are checked when all its rows are there.
    """
    order = list(list_company_conditions(company))
    for place, name in enumerate(order):
        for key in metadata.tables[name].foreign_key_constraints:
            parent = key.referred_table.name
            if parent in order[place + 1 :]:
                yield name, parent


def list_numbered(tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (table, column) of ids that come from a sequence."""
    for name in tables:
        column = metadata.tables[name].autoincrement_column
        if column is not None:
            yield name, column.name


def _build_shared_export(shared: Shared, columns: Iterable[str]) -> Iterator[str]:
    """Yield a COPY into a temporary table; rows that are there already stay as they are."""
    names, draft = _list_names(columns), quote_name(f"read {shared.table}")
    table = quote_table(shared.table)
    yield rf"\echo 'CREATE TEMPORARY TABLE {draft} (LIKE {table}) ON COMMIT DROP;'"
    select = f"SELECT {names} FROM {table} t WHERE {shared.condition}"
    yield from _build_copy(f"pg_temp.{draft} ({names})", select)
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM pg_temp.{draft}"
    yield rf"\echo '{insert} ON CONFLICT DO NOTHING;'"


def _build_copy(target: str, query: str) -> Iterator[str]:
    yield rf"\echo 'COPY {target} FROM stdin;'"
    yield f"COPY ({query}) TO STDOUT;"
    yield r"\echo '\\.'"


def _list_names(columns: Iterable[str]) -> str:
    return ", ".join(quote_name(column) for column in columns)
