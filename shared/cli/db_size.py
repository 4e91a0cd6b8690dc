"""`chatia db size`: the database, its tables and indexes, and how fast they grow."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import output
from shared.cli.db_connection import run_with_database
from shared.cli.errors import InvalidUsageError
from shared.cli.known_values import suggest
from shared.db import migrations
from shared.db.errors import read_sqlstate
from shared.db.policies import quote_table
from shared.doctor import sizes
from shared.doctor.findings import count, format_bytes, format_seconds
from shared.doctor.sizes import Growth, IndexSize, Sizes

FORBIDDEN = "42501"  # SQLSTATE
SHOWN = 15

Shown = tuple[Sizes, Growth | None, list[IndexSize]]


def size(
    *,
    table: Annotated[
        str | None, typer.Option(help="Show this table's indexes, and how often each was used.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All tables, not only the largest ones.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Show the size of the database and of its tables, and their growth per day.

    Each run keeps a sample, at most one a day: run it daily, and growth is that of the last month.
    """
    found, growth, indexes = asyncio.run(run_with_database(lambda url: _load(url, table)))
    if as_json:
        output.print_json(build_json(found, growth, indexes if table else None))
    elif table:
        _print_indexes(table, indexes)
    else:
        output.print_line(describe_database(found, growth))
        _print_tables(found, growth, len(found.tables) if every else SHOWN)


def build_json(
    found: Sizes, growth: Growth | None, indexes: list[IndexSize] | None
) -> dict[str, object]:
    """Build what `--json` prints; sizes are bytes, growth is bytes a day."""
    tables = [
        asdict(each)
        | {"growthPerDay": round(growth.tables[each.name])
           if growth and each.name in growth.tables else None}
        for each in found.tables
    ]  # fmt: skip
    whole: dict[str, object] = {
        "database": found.database,
        "bytes": found.bytes,
        "growthPerDay": round(growth.database) if growth else None,
        "growthOverS": round(growth.seconds) if growth else None,
        "tables": tables,
    }
    if indexes is not None:
        whole["indexes"] = [asdict(each) for each in indexes]
    return whole


def describe_database(found: Sizes, growth: Growth | None) -> str:
    """Return the line about the whole database."""
    start = f"The database {found.database} has {format_bytes(found.bytes)}"
    if growth is None:
        return f"{start}; its growth is known from tomorrow on, if this is run again then."
    change = format_growth(growth.database)
    return f"{start}, {change} a day over the last {format_seconds(growth.seconds)}."


def format_growth(number: float) -> str:
    """Return bytes with their sign, such as `+12 MB`."""
    return ("-" if number < 0 else "+") + format_bytes(abs(number))


def _print_tables(found: Sizes, growth: Growth | None, most: int) -> None:
    output.print_table(
        ("table", "rows", "size", "of rows", "of indexes", "of TOAST", "a day"),
        [
            (
                each.name,
                each.rows,
                format_bytes(each.total),
                format_bytes(each.main),
                format_bytes(each.indexes),
                format_bytes(each.toast),
                format_growth(growth.tables[each.name])
                if growth and each.name in growth.tables
                else "-",
            )
            for each in found.tables[:most]
        ],
        optional=("of TOAST", "of rows"),
    )
    if left := found.tables[most:]:
        total = format_bytes(sum(each.total for each in left))
        output.print_line(f"{count(len(left), 'smaller table')} with {total}: --all shows them.")


def _print_indexes(table: str, indexes: list[IndexSize]) -> None:
    if not indexes:
        output.print_line(f"{table} has no index.")
        return
    output.print_table(
        ("index", "size", "used", "unique", "valid"),
        [
            (
                each.name,
                format_bytes(each.bytes),
                each.scans,
                "yes" if each.is_unique else "no",
                "yes" if each.is_valid else "no",
            )
            for each in indexes
        ],
    )


async def _load(url: str, table: str | None) -> Shown:
    async with migrations.connect(url, autocommit=True) as conn:
        found = await sizes.load_sizes(conn)
        names = [each.name for each in found.tables]
        if table and table not in names:
            raise InvalidUsageError(f"There is no table {table}{suggest(table, names)}.")
        indexes = await sizes.load_index_sizes(conn, quote_table(table)) if table else []
        growth = sizes.compute_growth(await sizes.load_samples(conn), found)
        await _keep(conn, found)
        return found, growth, indexes


async def _keep(conn: AsyncConnection, found: Sizes) -> None:
    try:
        await sizes.keep_sample(conn, found)
    except DBAPIError as error:
        if read_sqlstate(error) != FORBIDDEN:
            raise
        output.print_error("No sample was kept: only the owner of the database may.")
