"""Times and plans of queries: `python -m tests.benchmarks.queries URL …`.

Each URL is that of the owner of a database that `chatia db generate` has filled, the smallest
first. Queries are run for the company of median size and the largest one, in the readers' role and
under row-level security, as `chatia query` runs them. Nothing is written, so it can be run again.

A time is that of one statement at the client: it is parsed, planned and executed, and its rows are
fetched. Each query is run with all its values once before it is measured, so that the pages are in
memory. Prints a Markdown table; a p95 over its goal is marked with `!` for the last database.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import typer
from sqlalchemy import event, text

from shared.db.engine import create_engine
from shared.db.roles import READER, name_role
from shared.queries.query import Query, explain
from shared.queries.reader import Reader, Readers
from shared.settings import DatabaseSettings
from tests.benchmarks.query_cases import CASES, Case, draw, find_companies

VALUES = 50  # of a company, such as tickets
RUNS = 100  # of a query in all
SLOW_RUNS = 20  # of one that takes a second and more
SLOW_MS = 1_000
INDEX = re.compile(r'(?:Index (?:Only )?Scan(?: Backward)? using|Bitmap Index Scan on) "?(\w+)"?')
KEY = re.compile(r"\w+_pkey|pk_\w+|uq_\w+_companyId_id")  # by which single rows are looked up
SEQUENTIAL = re.compile(r'Seq Scan on "?(\w+)"?')
BUFFERS = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")
SIZES = ("median", "largest")

# A plan does not show what a function of PL/pgSQL reads; this counts it.
SCANS = text("""
SELECT c.relname, pg_stat_get_xact_numscans(c.oid) AS scans
FROM pg_class c WHERE c.relname IN ('ix_Messages_newest', 'ix_Messages_search')
""")


@dataclass(frozen=True, slots=True)
class Measured:
    """A query of a company: pages are those of the run that touched most of them."""

    indexes: Sequence[str]
    pages: int
    p50_ms: float
    p95_ms: float
    runs: int


@asynccontextmanager
async def open_readers(url: str) -> AsyncIterator[Readers]:
    """Open an engine in the readers' role, without prepared statements: each is parsed anew."""
    settings = DatabaseSettings.model_validate({"DATABASE_URL": url})
    engine = create_engine(settings, "chatia-benchmark", connections=1)
    event.listen(engine.sync_engine, "do_connect", keep_no_statements)
    try:
        yield Readers(engine, name_role(settings.database, READER))
    finally:
        await engine.dispose()


def keep_no_statements(
    _dialect: object, _record: object, _arguments: object, options: dict[str, Any]
) -> None:
    """Keep no prepared statements in the connections of an engine."""
    options["prepared_statement_cache_size"] = 0


async def measure(readers: Readers, company: int, queries: Sequence[Query[Any]]) -> Measured:
    """Run the queries in turn, and return their times and what their plans read."""
    async with readers.read(company) as reader:
        indexes, pages = await read_plans(reader, queries)
        warm_ms = [await take_time(reader, query) for query in queries]
        runs = SLOW_RUNS if max(warm_ms) >= SLOW_MS else max(RUNS, len(queries))
        all_ms = [await take_time(reader, query) for query in islice(cycle(queries), runs)]
    parts = quantiles(all_ms, n=20, method="inclusive")
    return Measured(indexes, pages, parts[9], parts[18], runs)


async def take_time(reader: Reader, query: Query[Any]) -> float:
    """Run a query; return the milliseconds at the client."""
    began = time.perf_counter()
    rows = (await reader.conn.execute(text(query.sql), query.values)).all()
    taken_ms = (time.perf_counter() - began) * 1000
    query.read(rows)  # as a check
    return taken_ms


async def read_plans(reader: Reader, queries: Sequence[Query[Any]]) -> tuple[list[str], int]:
    """Run each query once; return the indexes of all, and the most pages that one touched."""
    found: dict[str, None] = {}
    pages = 0
    before = await count_scans(reader)
    for query in queries:
        plan = await explain(reader.conn, query)
        pages = max(pages, count_pages(plan))
        found.update(dict.fromkeys(list_indexes(plan)))
    after = await count_scans(reader)
    if any("search_messages" in query.sql for query in queries):
        found = {name: None for name in after if after[name] > before[name]} | found
    return list(found), pages


async def count_scans(reader: Reader) -> Mapping[str, int]:
    """Return how often this session has read the indexes of the search."""
    return {row.relname: row.scans for row in await reader.conn.execute(SCANS)}


def list_indexes(plan: Iterable[str]) -> list[str]:
    """Return the indexes of a plan, without those of ids, and the tables that are read whole."""
    lines = "\n".join(plan)
    used = [name for name in INDEX.findall(lines) if not KEY.fullmatch(name)]
    return [*used, *(f"all of {table}" for table in SEQUENTIAL.findall(lines))]


def count_pages(plan: Sequence[str]) -> int:
    """Return the pages that the whole statement touched, in shared buffers or not."""
    line = next((line for line in plan if "Buffers:" in line), "")
    found = BUFFERS.search(line)
    return sum(int(number or 0) for number in found.groups()) if found else 0


async def measure_database(url: str, cases: Mapping[str, Case]) -> dict[str, dict[str, Measured]]:
    """Return what was measured in a database, by case and by size of the company."""
    conn = await asyncpg.connect(url)
    companies = dict(zip(SIZES, await find_companies(conn), strict=True))
    drawn = {size: await draw(conn, company, VALUES) for size, company in companies.items()}
    await conn.close()
    found: dict[str, dict[str, Measured]] = {}
    async with open_readers(url) as readers:
        for name, case in cases.items():
            found[name] = {}
            for size, company in companies.items():
                if queries := case.build(drawn[size]):
                    found[name][size] = await measure(readers, company, queries)
            sys.stderr.write(f"{name}: {found[name]}\n")
    return found


def print_table(
    found: Sequence[Mapping[str, Mapping[str, Measured]]], goals: Mapping[str, float]
) -> None:
    """Print a row for each query: pages, p50 and p95 of each database and size."""
    heads = [f"{number}, {size}" for number in range(1, len(found) + 1) for size in SIZES]
    typer.echo(f"| query | indexes | goal | {' | '.join(heads)} |")
    typer.echo(f"|---|---|---:|{'---:|' * len(heads)}")
    for name, goal in goals.items():
        cells = [
            format_cell(database[name].get(size), goal if database is found[-1] else None)
            for database in found
            for size in SIZES
        ]
        used = dict.fromkeys(
            index for database in found for one in database[name].values() for index in one.indexes
        )
        indexes = ", ".join(f"`{index}`" for index in used)
        typer.echo(f"| {name} | {indexes} | {goal:g} | {' | '.join(cells)} |")


def format_cell(measured: Measured | None, goal: float | None) -> str:
    """Return pages, p50 and p95; a p95 over the goal gets a mark."""
    if measured is None:
        return "-"
    missed = "!" if goal is not None and measured.p95_ms > goal else ""
    return f"{measured.pages:,}; {measured.p50_ms:.1f}; {measured.p95_ms:.1f}{missed}"


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="+", metavar="URL", help="of the owner of a database")
    parser.add_argument("--only", default="", help="part of the name of a query")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    arguments = parser.parse_args()
    cases = {name: case for name, case in CASES.items() if arguments.only in name}
    found = [asyncio.run(measure_database(url, cases)) for url in arguments.urls]
    print_table(found, {name: case.goal_ms for name, case in cases.items()})
    if arguments.json:
        arguments.json.write_text(json.dumps(found, default=asdict, indent=1), "utf-8")


if __name__ == "__main__":
    main()
