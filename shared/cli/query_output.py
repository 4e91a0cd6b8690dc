"""Runs a query of `chatia query` and prints its answer: as a table, JSON, CSV or its plan."""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import typer

from shared.cli import output, query_format
from shared.cli.db_errors import explain_database_errors
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.queries.cursors import InvalidCursorError
from shared.queries.existence import build_missing
from shared.queries.query import DEFAULT_ROWS, MAX_ROWS, Query, explain, fetch
from shared.queries.reader import NoReaderError, Reader, UnknownCompanyError, open_readers
from shared.settings import DatabaseSettings

T = TypeVar("T")
R = TypeVar("R")

LimitOption = Annotated[int, typer.Option(min=1, max=MAX_ROWS, help="Most rows of a page.")]
CursorOption = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="The next page, as the page before says.")
]
LIMIT = DEFAULT_ROWS


@dataclass(frozen=True, slots=True)
class Form:
    """Options that say how the answer is printed; at most one is given, else it is a table."""

    as_json: output.JsonOption = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV, for spreadsheets.")] = False
    explain: Annotated[
        bool, typer.Option("--explain", help="Run it, and print its plan, times and buffers.")
    ] = False

    def check(self) -> None:
        """Raise InvalidUsageError if several are given."""
        if self.as_json + self.as_csv + self.explain > 1:
            raise InvalidUsageError("Give only one of --json, --csv and --explain.")


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """Rows to print. `cells` are the columns of the table, `fields` those of JSON and CSV.

    `fields` None means all. `cursors` are by the option that takes them.
    """

    rows: Sequence[R]
    row_type: type[R]
    cells: Mapping[str, Callable[[R], object]]
    shrinks: str = ""
    optional: Sequence[str] = ()
    fields: Sequence[str] | None = None
    cursors: Mapping[str, str | None] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Question(Generic[T, R]):
    """A query of a company, the rows that it names, and how its answer is listed."""

    company: int
    build: Callable[[Reader], Query[T]]
    show: Callable[[T], Listing[R]]
    named: Mapping[str, int | None] = field(default_factory=dict)


def answer(question: Question[T, R], form: Form) -> None:
    """Run a query and print its answer, or its plan."""
    form.check()
    if form.explain:
        for line in asyncio.run(_ask(question, explain))[0]:
            output.print_line(line)
        return
    found, zone = asyncio.run(_ask(question, fetch))
    listing = question.show(found)
    if form.as_json:
        _print_json(listing)
    elif form.as_csv:
        _print_csv(listing, zone)
    else:
        _print_table(listing, zone)
    for note in listing.notes:
        output.print_error(note)


async def _ask(question: Question[T, R], run: Callable[..., Any]) -> tuple[Any, ZoneInfo]:
    async with (
        _explain_errors(),
        open_readers(DatabaseSettings()) as readers,
        readers.read(question.company) as reader,
    ):
        await _check_named(reader, question.named)
        return await run(reader.conn, question.build(reader)), reader.zone


@asynccontextmanager
async def _explain_errors() -> AsyncIterator[None]:
    try:
        async with explain_database_errors():
            yield
    except UnknownCompanyError as error:
        raise InvalidUsageError(str(error)) from error
    except NoReaderError as error:
        raise RefusedError(str(error)) from error
    except InvalidCursorError as error:
        raise InvalidUsageError(
            "The cursor is not one of this list: take it from the page before, unchanged."
        ) from error


async def _check_named(reader: Reader, named: Mapping[str, int | None]) -> None:
    """Raise InvalidUsageError for an id that the company does not have."""
    if any(number is not None for number in named.values()):
        missing = await fetch(reader.conn, build_missing(reader.company, named))
        if missing:
            listed = " and no ".join(f"{name} {named[name]}" for name in missing)
            raise InvalidUsageError(f"Company {reader.company} has no {listed}.")


def _print_json(listing: Listing[R]) -> None:
    rows = [query_format.convert_to_json(row, listing.fields) for row in listing.rows]
    cursors = {query_format.to_camel(f"{name}_cursor"): c for name, c in listing.cursors.items()}
    output.print_json({"rows": rows, **cursors})


def _print_csv(listing: Listing[R], zone: ZoneInfo) -> None:
    paths = query_format.list_paths(listing.row_type, listing.fields)
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(paths)
    for row in listing.rows:
        values = (query_format.read_path(row, path) for path in paths.values())
        writer.writerow(query_format.format_csv_cell(value, zone) for value in values)
    _print_cursors(listing)


def _print_table(listing: Listing[R], zone: ZoneInfo) -> None:
    output.print_table(
        listing.cells,
        [
            [query_format.format_cell(read(row), zone) for read in listing.cells.values()]
            for row in listing.rows
        ],
        shrinks=listing.shrinks,
        optional=listing.optional,
    )
    _print_cursors(listing)


def _print_cursors(listing: Listing[R]) -> None:
    for name, cursor in listing.cursors.items():
        if cursor is not None:
            output.print_error(f"{name.capitalize()} rows: --{OPTIONS[name]} {cursor}")


# The option that takes a cursor, by its name in `Listing.cursors`.
OPTIONS = {"next": "cursor", "older": "before", "newer": "after"}
