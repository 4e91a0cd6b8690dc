"""What commands write: tables and sentences for people, JSON for programs.

Answers go to standard output, progress and complaints to standard error, so that an answer can
always be piped on.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

LONGEST_LINE = 10_000  # characters of a table's row

JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def say(sentence: str) -> None:
    """Tell a person one sentence; it is never wrapped, because programs read lines too."""
    _console().print(sentence, soft_wrap=True)


def say_json(answer: Any) -> None:  # noqa: ANN401 - whatever json can write
    """Answer a program with one JSON value on one line."""
    typer.echo(json.dumps(answer, ensure_ascii=False))


def complain(sentence: str) -> None:
    """Tell on standard error what went wrong."""
    typer.echo(sentence, err=True)


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Lay rows out under their columns; numbers go to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    listed = [list(row) for row in rows]
    for index, column in enumerate(columns):
        is_number = all(isinstance(row[index], int) for row in listed)
        table.add_column(column, justify="right" if is_number else "left", no_wrap=True)
    for row in listed:
        table.add_row(*(str(cell) for cell in row))
    console = _console()
    # A terminal that is too narrow folds the lines; nothing is cut, least of all the first column.
    wide = console.options.update_width(LONGEST_LINE)
    console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def progress_bar() -> Progress:
    """Make a bar that shows itself on terminals only and leaves nothing behind."""
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


def _console() -> Console:
    # Made anew each time, so that it writes to the present sys.stdout.
    return Console(markup=False, highlight=False)
