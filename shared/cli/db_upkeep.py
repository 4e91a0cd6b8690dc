"""`chatia db reindex`, `analyze` and `vacuum`: one table or index after another."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import output
from shared.cli.db_migrations import run_until_stopped
from shared.cli.errors import CheckFailedError, InvalidUsageError
from shared.cli.known_values import suggest
from shared.db import migrations
from shared.doctor import upkeep
from shared.doctor.upkeep import Rebuilding

TablesOption = Annotated[
    list[str] | None,
    typer.Option("--table", help="Only this table; may be given several times."),
]

FULL_WARNING = (
    "VACUUM FULL writes each table anew: until it is done nobody reads or writes the table, workers"
    " wait, and the disk holds it twice."
)


def reindex(
    *,
    table: TablesOption = None,
    after: Annotated[
        str, typer.Option(help="Go on after this index, where an earlier run ended.")
    ] = "",
    missing: Annotated[
        bool, typer.Option("--missing", help="Instead build the indexes that are missing.")
    ] = False,
) -> None:
    """Rebuild the indexes one by one, while reads and writes go on.

    What a rebuild that was broken off left is dropped first. After Ctrl-C, go on with --after and
    the index that was named last.
    """
    if missing and (table or after):
        raise InvalidUsageError("--missing builds all that are missing: leave --table and --after.")

    async def run(conn: AsyncConnection) -> list[str]:
        what = Rebuilding(await _check_tables(conn, table), after)
        if missing:
            return await upkeep.build_missing(conn, output.print_line)
        return await upkeep.reindex(conn, what, output.print_line)

    stopped = (
        "Stopped by a signal. Go on with `chatia db reindex --after INDEX`, the last one above."
    )
    _finish(run_until_stopped(lambda url: _run_exclusively(url, run), stopped))


def analyze(*, table: TablesOption = None) -> None:
    """Compute the planner's statistics anew, of all tables or of some."""

    async def run(conn: AsyncConnection) -> list[str]:
        tables = await _check_tables(conn, table) or await upkeep.list_tables(conn)
        return await upkeep.analyze(conn, tables, output.print_line)

    _finish(run_until_stopped(lambda url: _run_beside(url, run), "Stopped by a signal."))


def vacuum(
    *,
    table: TablesOption = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Also freeze old rows, against wraparound.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Write the table anew; locks it. Needs --table.")
    ] = False,
) -> None:
    """Remove dead rows and compute statistics, of all tables or of some, beside reads and writes.

    Only --full gives space back to the disk. It locks the table for as long as it takes.
    """
    if full and not table:
        raise InvalidUsageError(f"--full needs --table. {FULL_WARNING}")
    options = [name for name, is_on in (("FULL", full), ("FREEZE", freeze)) if is_on]

    async def run(conn: AsyncConnection) -> list[str]:
        tables = await _check_tables(conn, table) or await upkeep.list_tables(conn)
        if full:
            output.print_error(FULL_WARNING)
        return await upkeep.vacuum(conn, tables, output.print_line, options=options)

    _finish(run_until_stopped(lambda url: _run_beside(url, run), "Stopped by a signal."))


async def _check_tables(conn: AsyncConnection, names: Sequence[str] | None) -> list[str]:
    """Return the tables that were named; raises InvalidUsageError for one that does not exist."""
    known = await upkeep.list_tables(conn) if names else []
    for name in names or ():
        if name not in known:
            raise InvalidUsageError(f"There is no table {name}{suggest(name, known)}.")
    return list(names or ())


async def _run_exclusively(
    url: str, action: Callable[[AsyncConnection], Awaitable[list[str]]]
) -> list[str]:
    """Run while no other process changes the schema."""
    async with migrations.exclusive_connection(url, output.print_line):
        return await _run_beside(url, action)


async def _run_beside(
    url: str, action: Callable[[AsyncConnection], Awaitable[list[str]]]
) -> list[str]:
    async with migrations.connect(url, autocommit=True) as conn:
        return await action(conn)


def _finish(failed: Sequence[str]) -> None:
    if failed:
        raise CheckFailedError(f"{len(failed)} failed: {failed[0]}.")
