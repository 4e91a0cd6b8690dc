"""`chatia db generate`: fills a new database with the rows of companies at work."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import TaskID

from shared.cli import output
from shared.cli.db_connection import run_with_database
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.db import migrations
from shared.db.engine import create_unpooled_engine
from shared.generate import loading
from shared.generate.stream import Options

PROGRAM = "chatia db generate"
SMALLEST, LARGEST = 0.001, 100
YEARS = range(2012, 2101)


def generate(
    *,
    scale: Annotated[
        float,
        typer.Option(
            min=SMALLEST,
            max=LARGEST,
            help="Times 55 companies with 120,000 tickets and 850,000 messages.",
        ),
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed gives other rows, the same one equal rows.")
    ] = 1,
    until: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="When the two years of history end, in ISO 8601; by default the last full hour.",
        ),
    ] = "",
    as_json: output.JsonOption = False,
) -> None:
    """Fill a new database with made-up companies, tickets and messages, for measurements.

    It is refused if the database has companies beside that of the seeds, or workers. All rows are
    inserted, or none.
    """
    options = Options(scale, seed, _read_until(until))
    begun_at = time.monotonic()
    with output.build_progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.advance(tasks[what], done)

        counts = asyncio.run(run_with_database(lambda url: _fill(url, options, report)))
    _print(options, counts, time.monotonic() - begun_at, as_json=as_json)


async def _fill(url: str, options: Options, report: loading.Report) -> Counter[str]:
    pending = sum(not step.applied for step in await migrations.list_history(url))
    if pending:
        raise RefusedError(f"{pending} migrations are missing: run `chatia db upgrade` first.")
    engine = create_unpooled_engine(url, PROGRAM)
    try:
        async with engine.begin() as conn:
            counts = await loading.load(conn, options, report)
    except loading.InUseError as error:
        raise RefusedError(str(error)) from error
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        await loading.vacuum(conn)
    return counts


def _read_until(text: str) -> datetime:
    if not text:
        return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidUsageError(f"--until: {text} is no time such as 2026-11-30T15:00Z.") from error
    if parsed.year not in YEARS:
        raise InvalidUsageError(f"--until: a year from {YEARS[0]} to {YEARS[-1]}, please.")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _print(options: Options, counts: Counter[str], seconds: float, *, as_json: bool) -> None:
    until = options.until.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if as_json:
        output.print_json(
            {
                "scale": options.scale,
                "seed": options.seed,
                "until": until,
                "seconds": round(seconds, 1),
                "rows": dict(counts),
            }
        )
        return
    output.print_table(("table", "rows"), list(counts.items()))
    output.print_line(
        f"{counts.total()} rows in {seconds:.1f} s; --scale {options.scale:g} --seed "
        f"{options.seed} --until {until} gives the same ones again."
    )
