"""Turns rows of queries into JSON, into cells of CSV, and into cells of tables."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.cli.dead_letter_format import escape_unprintable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # beginnings of what spreadsheets calculate
NONE = "-"
MINUTE, HOUR = 60, 3_600  # seconds

Path = tuple[str, ...]


def to_camel(name: str) -> str:
    """Return a name as JSON has it: `last_message` is `lastMessage`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def convert_to_json(value: Any, only: Sequence[str] | None = None) -> Any:  # noqa: ANN401 - any value
    """Return a row as a JSON value, times in ISO 8601; `only` are the fields that it has."""
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case tuple():
            return [convert_to_json(each) for each in value]
        case _ if is_dataclass(value):
            names = (field.name for field in fields(value) if only is None or field.name in only)
            return {to_camel(name): convert_to_json(getattr(value, name)) for name in names}
        case _:
            return value


def list_paths(row_type: type, only: Sequence[str] | None = None) -> dict[str, Path]:
    """Return the columns of CSV for rows of a dataclass, such as `contact.name`, with its path."""
    return {".".join(map(to_camel, path)): path for path in _list_paths(row_type, only)}


def _list_paths(row_type: type, only: Sequence[str] | None) -> Iterator[Path]:
    for name, hint in get_type_hints(row_type).items():
        if only is not None and name not in only:
            continue
        inner = next((kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)), None)
        if isinstance(inner, type):
            yield from ((name, *path) for path in _list_paths(inner, None))
        else:
            yield (name,)


def read_path(row: object, path: Path) -> object:
    """Return the value at a path; None where a part of it is missing."""
    value: object = row
    for name in path:
        value = None if value is None else getattr(value, name)
    return value


def format_csv_cell(value: object, zone: ZoneInfo) -> str:
    """Return a value for a spreadsheet: times in the zone, text never as a formula.

    Text that a spreadsheet would calculate gets a ' before it.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(zone).isoformat()
        case tuple():
            return format_csv_cell(_join(value), zone)
        case str():
            return f"'{value}" if value.startswith(FORMULA) else value
        case _:
            return str(value)


def format_cell(value: object, zone: ZoneInfo) -> object:
    """Return a value for a table: times in the zone, text in one line without control characters.

    An int stays one, so that its column is right-aligned.
    """
    match value:
        case None | "":
            return NONE
        case bool():
            return "yes" if value else "no"
        case int():
            return value
        case datetime():
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        case tuple():
            return _join(value) or NONE
        case _:
            return escape_unprintable(str(value)).replace("\n", " ").replace("\t", " ")


def format_seconds(seconds: float | None) -> str:
    """Return a duration as 1:02:03, or 02:03 below an hour."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    hours, rest = divmod(whole, HOUR)
    minutes = f"{rest // MINUTE:02}:{rest % MINUTE:02}"
    return f"{hours}:{minutes}" if hours else minutes


def _join(named: Sequence[Any]) -> str:
    return ", ".join(escape_unprintable(each.name) for each in named)
