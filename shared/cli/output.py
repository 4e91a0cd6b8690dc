"""Prints lines, tables and JSON on standard output, errors and progress on standard error."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

MAX_ROW_WIDTH = 10_000  # characters
GAP = 2  # spaces between columns
SHORTEST_CUT = 16  # characters of a cell that is cut

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


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    shrinks: str = "",
    optional: Sequence[str] = (),
) -> None:
    """Print rows as a table; numbers are right-aligned.

    In a terminal that is too narrow, cells of the column `shrinks` are cut, then the columns
    `optional` are left out, the first one first; standard error says so. Elsewhere all is printed.
    """
    names, listed = list(columns), [list(row) for row in rows]
    console = _build_console()
    shown, cut_to = names, None
    if console.is_terminal:
        shown, cut_to = fit_columns(_measure(names, listed), console.width, shrinks, optional)
    table = Table(box=None, pad_edge=False, header_style="bold")
    places = [names.index(name) for name in shown]
    for name, place in zip(shown, places, strict=True):
        is_number = all(isinstance(row[place], int) for row in listed)
        width = cut_to if name == shrinks else None
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=True, max_width=width
        )
    for row in listed:
        table.add_row(*(str(row[place]) for place in places))
    if left_out := [name for name in names if name not in shown]:
        print_error(
            f"Left out in a terminal of {console.width} columns: "
            f"{', '.join(left_out)}; --json has everything."
        )
    # Wider than a terminal that is still too narrow, which then wraps the lines.
    wide = console.options.update_width(MAX_ROW_WIDTH)
    console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def _measure(names: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, int]:
    """Return the widths of columns, in cells of the terminal."""
    return {
        name: max(cell_len(text) for text in (name, *(str(row[place]) for row in rows)))
        for place, name in enumerate(names)
    }


def fit_columns(
    widths: Mapping[str, int], room: int, shrinks: str, optional: Sequence[str]
) -> tuple[list[str], int | None]:
    """Return the columns to show in a room, and the width to which `shrinks` is cut, if it is.

    Widths are in cells of the terminal.
    """
    shown = list(widths)
    least = {name: min(w, SHORTEST_CUT) if name == shrinks else w for name, w in widths.items()}
    for name in optional:
        if sum(least[each] + GAP for each in shown) - GAP <= room:
            break
        shown = [each for each in shown if each != name]
    others = sum(widths[name] + GAP for name in shown if name != shrinks)
    if shrinks not in shown or others + widths[shrinks] <= room:
        return shown, None
    return shown, max(room - others, SHORTEST_CUT)


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
