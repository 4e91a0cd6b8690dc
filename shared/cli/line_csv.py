"""Reads the lines of a CSV file for `chatia lines register`; every bad cell is named."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from shared.cli.acts import MAX_ID
from shared.cli.errors import InvalidUsageError
from shared.contracts.base import LONGEST_NAME
from shared.gateways.registry import GATEWAYS

REQUIRED = ("company", "name", "gateway")
OPTIONAL = ("line", "server", "instance", "aliases", "portfolio", "interval_ms")
COLUMNS = (*REQUIRED, *OPTIONAL)
ALIAS_SEPARATOR = "|"
MAX_LINE_ID = 1_000_000_000  # the sequence goes on after the highest id
MAX_LISTED = 20  # problems in one message


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be registered: its line in the file, and the column, empty for the row."""

    number: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line to register, at line `number` of the file.

    `aliases` are further names of its instance at the same gateway and server. `unread` are the
    columns whose cells are bad; they are empty here, and the row cannot be registered.
    """

    number: int
    company_id: int
    whatsapp_id: int | None
    name: str
    gateway: str
    server: str
    instance: str
    aliases: tuple[str, ...]
    portfolio: str | None
    interval_ms: int | None
    unread: frozenset[str] = frozenset()


class _Cells:
    """The cells of one row; reading them collects the problems."""

    def __init__(self, number: int, cells: Mapping[str, str]) -> None:
        self._number = number
        self._cells = cells
        self.problems: list[Problem] = []

    def refuse(self, column: str, text: str) -> None:
        self.problems.append(Problem(self._number, column, text))

    @property
    def unread(self) -> frozenset[str]:
        """The columns of the problems."""
        return frozenset(problem.column for problem in self.problems)

    def read_text(self, column: str) -> str:
        text = self._cells.get(column, "")
        if column in REQUIRED and not text:
            self.refuse(column, "it is empty")
        if len(text) > LONGEST_NAME:
            self.refuse(column, f"it has {len(text)} characters, at most {LONGEST_NAME} fit")
        if not text.isprintable():
            self.refuse(column, "it has characters that cannot be printed")
        return "" if column in self.unread else text

    def read_number(self, column: str, most: int = MAX_ID) -> int | None:
        text = self._cells.get(column, "")
        if not text:
            if column in REQUIRED:
                self.refuse(column, "it is empty")
            return None
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= most):
            self.refuse(column, f"a number from 1 to {most:,} is wanted")
            return None
        return int(text)

    def read_gateway(self) -> str:
        text = self.read_text("gateway")
        if text and text not in GATEWAYS:
            self.refuse("gateway", f"{text} is not known; there are {', '.join(GATEWAYS)}")
            return ""
        return text

    def read_server(self) -> str:
        text = self.read_text("server").rstrip("/")
        if text and not _is_address(text):
            self.refuse("server", "an address such as https://evo.example.com is wanted")
            return ""
        return text

    def read_instance(self) -> str:
        text = self.read_text("instance")
        needing = [name for name in ("server", "aliases", "portfolio") if self._cells.get(name)]
        if needing and not text:
            self.refuse("instance", f"it is needed, because there is a {needing[0]}")
        return text

    def read_aliases(self) -> tuple[str, ...]:
        aliases = map(str.strip, self.read_text("aliases").split(ALIAS_SEPARATOR))
        return tuple(dict.fromkeys(alias for alias in aliases if alias))


def parse_lines(data: bytes) -> tuple[list[LineRow], list[Problem]]:
    """Return the lines of a CSV file and all problems; raises InvalidUsageError for no such file.

    Rows with bad cells are among the lines, unless they have too many or too few cells. The
    separator is a comma, or a semicolon if the header has one.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidUsageError("The file is not UTF-8 text.") from error
    rows: list[LineRow] = []
    problems: list[Problem] = []
    for number, cells in _read_rows(text):
        row, of_row = _parse_row(number, cells)
        rows += [row] if row else []
        problems += of_row
    if not rows and not problems:
        raise InvalidUsageError("There are no lines in the file.")
    return rows, problems


def describe_problems(problems: Iterable[Problem]) -> str:
    """Return all problems in the order of the file and of its columns, one per line."""
    ordered = sorted(problems, key=lambda each: (each.number, ("", *COLUMNS).index(each.column)))
    shown = [
        f"Line {p.number}, {f'column {p.column}' if p.column else 'the whole row'}: {p.text}."
        for p in ordered[:MAX_LISTED]
    ]
    more = [f"… and {len(ordered) - MAX_LISTED:,} more."] if len(ordered) > MAX_LISTED else []
    return "\n".join([*shown, *more, "Nothing is registered; correct the file and run it again."])


def _read_rows(text: str) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Yield each row with its line number; None for a row with too many or too few cells."""
    header, _, _ = text.partition("\n")
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in header else ",", strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_header(names)
        for cells in reader:
            if any(map(str.strip, cells)):
                is_whole = len(cells) == len(names)
                row = dict(zip(names, map(str.strip, cells), strict=True)) if is_whole else None
                yield reader.line_num, row
    except csv.Error as error:
        raise InvalidUsageError(f"Line {reader.line_num} cannot be read: {error}.") from error


def _check_header(names: list[str]) -> None:
    wanted = (
        f"The first line names the columns {', '.join(REQUIRED)}, and any of {', '.join(OPTIONAL)}"
    )
    if missing := [name for name in REQUIRED if name not in names]:
        raise InvalidUsageError(f"{wanted}; {missing[0]} is missing.")
    if unknown := [name for name in names if name not in COLUMNS]:
        raise InvalidUsageError(
            f"{wanted}; {unknown[0] or 'a column without a name'} is not known."
        )
    if len(set(names)) < len(names):
        raise InvalidUsageError(f"{wanted}; each once.")


def _parse_row(number: int, cells: dict[str, str] | None) -> tuple[LineRow | None, list[Problem]]:
    if cells is None:
        return None, [Problem(number, "", "it has another number of cells than the first line")]
    reader = _Cells(number, cells)
    company_id = reader.read_number("company")
    row = LineRow(
        number=number,
        company_id=company_id or 0,
        whatsapp_id=reader.read_number("line", MAX_LINE_ID),
        name=reader.read_text("name"),
        gateway=reader.read_gateway(),
        server=reader.read_server(),
        instance=reader.read_instance(),
        aliases=reader.read_aliases(),
        portfolio=reader.read_text("portfolio") or None,
        interval_ms=reader.read_number("interval_ms"),
    )
    return replace(row, unread=reader.unread), reader.problems


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
