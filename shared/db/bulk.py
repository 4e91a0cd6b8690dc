"""SQL for whole batches: rows are passed as one array for each column."""

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import TextClause, text

SQL_TYPES: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float8",
    str: "text",
    bytes: "bytea",
    datetime: "timestamptz",
    date: "date",
}


class ConcurrentUpdateError(Exception):
    """A concurrent update: another worker changed a row after it was loaded. Load and retry."""


class Sql(str):
    """The SQL type of a field whose Python type has several: `Annotated[int, Sql("bigint")]`."""

    __slots__ = ()


BigInt = Annotated[int, Sql("bigint")]
Json = Annotated[str, Sql("jsonb")]


def statement(sql: str) -> TextClause:
    """Return a statement with constant text; call this at import."""
    return text(sql)


def source(row_type: type, alias: str = "b", **added: str) -> str:
    """Return SQL that reads a batch as a table: `unnest(CAST(:id AS int[]), …) AS b(id, …)`.

    Its columns are the fields of a dataclass or named tuple, in their order, and those `added`
    with their SQL types. `rows_as_columns` gives the parameters. Raises TypeError for a field
    whose SQL type does not follow from its annotation.
    """
    types_ = {
        **{name: _find_sql_type(row_type, name, hint) for name, hint in _list_hints(row_type)},
        **added,
    }
    arrays = ", ".join(f"CAST(:{name} AS {sql}[])" for name, sql in types_.items())
    names = ", ".join(f'"{name}"' for name in types_)  # quoted, for some are keywords
    return f"unnest({arrays}) AS {alias}({names})"


def rows_as_columns(rows: Sequence[Any], row_type: type) -> dict[str, list[Any]]:
    """Return the parameters of a `source`: one list per field of dataclasses or named tuples."""
    return columns(rows, _list_names(row_type))


def match(column: str, value: str) -> str:
    """Return SQL that checks a column of a row that is found by another column.

    Both columns may be found by indexes, and without statistics the planner takes them for equally
    selective: it may read all rows of a company or a line to find one. IS NOT DISTINCT FROM is
    looked up in no index, and joins nothing.
    """
    return f"{column} IS NOT DISTINCT FROM {value}"


def match_company(row: str, company: str) -> str:
    """Return SQL that checks the company of a row that is found by its id or its parent's id.

    `company` is that of the row which has this id, so that no join by both rows' companies alone is
    possible.
    """
    return match(f'{row}."companyId"', company)


def columns(rows: Sequence[Any], names: Iterable[str]) -> dict[str, list[Any]]:
    """Return one list for each named attribute of rows (dataclasses, named tuples, contracts)."""
    return {name: [getattr(row, name) for row in rows] for name in names}


@cache
def _list_names(row_type: type) -> tuple[str, ...]:
    return tuple(name for name, _ in _list_hints(row_type))


def _list_hints(row_type: type) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(row_type, include_extras=True)
    names = (
        [field.name for field in fields(row_type)] if is_dataclass(row_type) else row_type._fields  # type: ignore[attr-defined]  # a named tuple
    )
    return ((name, hints[name]) for name in names)


def _find_sql_type(row_type: type, name: str, hint: Any) -> str:  # noqa: ANN401 - any annotation
    if get_origin(hint) is Annotated:
        given = [extra for extra in get_args(hint)[1:] if isinstance(extra, Sql)]
        return given[0] if given else _find_sql_type(row_type, name, get_args(hint)[0])
    if get_origin(hint) in {Union, types.UnionType}:
        (known,) = {
            _find_sql_type(row_type, name, h) for h in get_args(hint) if h is not type(None)
        }
        return known
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "text"
    if hint in SQL_TYPES:
        return SQL_TYPES[hint]
    raise TypeError(f"{row_type.__name__}.{name}: no SQL type for {hint}; annotate it with Sql(…)")
