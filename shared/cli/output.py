"""Prints lines, tables and JSON on standard output, errors and progress on standard error."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

MAX_ROW_WIDTH = 10_000  # characters

JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def print_line(line: str) -> None:
    """Print one line; it is not wrapped, because programs read lines too."""
    _build_console().print(line, soft_wrap=True)


def print_json(value: Any) -> None:  # noqa: ANN401 - any value that json writes
    """Print a JSON value on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def print_error(message: str) -> None:
    """Print an error on standard error."""
    typer.echo(message, err=True)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows as a table; numbers are right-aligned."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    listed = [list(row) for row in rows]
    for index, column in enumerate(columns):
        is_number = all(isinstance(row[index], int) for row in listed)
        table.add_column(column, justify="right" if is_number else "left", no_wrap=True)
    for row in listed:
        table.add_row(*(str(cell) for cell in row))
    console = _build_console()
    # Wider than a narrow terminal, which then wraps the lines; cells are never cut.
    wide = console.options.update_width(MAX_ROW_WIDTH)
    console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def build_progress_bar() -> Progress:
    """Build a progress bar that is shown on terminals only and removed at the end."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _build_console() -> Console:
    # Built for each call, because tests replace sys.stdout.
    return Console(markup=False, highlight=False, emoji=False)
