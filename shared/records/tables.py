"""Describes each mapped table for requests: columns, keys, and references."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Column as MappedColumn
from sqlalchemy import Index, Table, UniqueConstraint

from shared.schema import INTERNAL, OWNERS, metadata
from shared.schema.base import find_company_column
from shared.schema.lengths import find_max_length
from shared.schema.ranges import Range, find_range

RowKey = tuple[str, tuple[Any, ...]]  # a table, and a row's primary key
STAMPS: Final = ("createdAt", "updatedAt")  # set by the database's clock, never by a request


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `kind` is the Python type of its values, `default` the SQL of its default.

    `max_length` is in characters, None if nothing limits them; `range` is None if the type alone
    limits numbers.
    """

    name: str
    kind: type
    sql_type: str
    is_nullable: bool
    default: str | None
    max_length: int | None
    range: Range | None


@dataclass(frozen=True, slots=True)
class Parent:
    """A foreign key: a column, and the table of the same company that it references."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table as requests see it; `company_column` is None for tables of the platform alone.

    If `is_shared`, rows without a company are the platform's. `natural_key` are the columns
    that identify a row besides its id, if there are any; with `nulls_are_equal` they may be NULL.
    """

    name: str
    owner: str
    company_column: str | None
    is_shared: bool
    key: tuple[str, ...]
    natural_key: tuple[str, ...]
    nulls_are_equal: bool
    columns: Mapping[str, Column]
    parents: tuple[Parent, ...]

    @property
    def has_id(self) -> bool:
        """Return whether the primary key is an id from a sequence."""
        return self.key == ("id",)

    @property
    def is_natural_key_global(self) -> bool:
        """Return whether the natural key is unique among all companies."""
        own_columns = {self.company_column, *(parent.column for parent in self.parents)}
        has_own_columns = not own_columns.isdisjoint(self.natural_key)
        return self.company_column is not None and bool(self.natural_key) and not has_own_columns

    @property
    def reference_columns(self) -> tuple[str, ...]:
        """Return the columns that hold ids of other rows."""
        parents = tuple(parent.column for parent in self.parents)
        return (*parents, self.company_column) if self.company_column else parents

    @property
    def writable_columns(self) -> tuple[str, ...]:
        """Return the columns that a request may name besides the id."""
        hidden = {*STAMPS, self.company_column, "id" if self.has_id else None}
        return tuple(name for name in self.columns if name not in hidden)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Return the columns that a new row must name."""
        return tuple(
            name
            for name in self.writable_columns
            if not self.columns[name].is_nullable and self.columns[name].default is None
        )


@cache
def get_tables() -> Mapping[str, RecordTable]:
    """Return all tables that requests may name, parents before their children."""
    return {
        table.name: _build_table(table)
        for table in metadata.sorted_tables
        if table.name not in INTERNAL
    }


def group_keys(row_keys: Iterable[RowKey]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return primary keys as facts list them: by table, each as its columns."""
    keys: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, key in row_keys:
        keys[name].append(dict(zip(get_tables()[name].key, key, strict=True)))
    return {name: tuple(of_table) for name, of_table in keys.items()}


def _build_table(table: Table) -> RecordTable:
    company_column = find_company_column(table)
    natural_key, nulls_are_equal = _find_natural_key(table)
    return RecordTable(
        name=table.name,
        owner=OWNERS[table.name],
        company_column=company_column,
        is_shared=company_column is not None and bool(table.columns[company_column].nullable),
        key=tuple(column.name for column in table.primary_key.columns),
        natural_key=natural_key,
        nulls_are_equal=nulls_are_equal,
        columns={column.name: _build_column(column) for column in table.columns},
        parents=_find_parents(table, company_column),
    )


def _build_column(column: MappedColumn[Any]) -> Column:
    default = column.server_default
    expression = None if default is None else getattr(default, "arg", None)
    if expression is not None and not isinstance(expression, str):
        expression = str(expression.compile())
    elif isinstance(expression, str):
        expression = "'" + expression.replace("'", "''") + "'"
    kind = column.type
    return Column(
        name=column.name,
        kind=kind.python_type,
        sql_type=kind.compile(),
        is_nullable=bool(column.nullable),
        default=expression,
        max_length=find_max_length(column),
        range=find_range(column),
    )


def _find_natural_key(table: Table) -> tuple[tuple[str, ...], bool]:
    """Return the first unique key besides the id, and whether its NULLs are equal.

    A key whose columns are never NULL is preferred.
    """
    if table.primary_key.columns.keys() != ["id"]:
        return (), False
    unique: list[UniqueConstraint | Index] = [
        constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)
    ]
    unique += [index for index in table.indexes if index.unique and not _is_partial(index)]
    keys = sorted(
        (
            any(column.nullable for column in key.columns),
            tuple(key.columns.keys()),
            _has_equal_nulls(key),
        )
        for key in unique
        if "id" not in key.columns
    )
    return (keys[0][1], keys[0][2]) if keys else ((), False)


def _has_equal_nulls(key: UniqueConstraint | Index) -> bool:
    return bool(key.dialect_kwargs.get("postgresql_nulls_not_distinct"))


def _is_partial(index: Index) -> bool:
    return index.dialect_kwargs.get("postgresql_where") is not None


def _find_parents(table: Table, company_column: str | None) -> tuple[Parent, ...]:
    parents = []
    for key in table.foreign_key_constraints:
        columns = [name for name in key.column_keys if name != company_column]
        if len(columns) == 1:
            parents.append(Parent(columns[0], key.referred_table.name))
    return tuple(sorted(parents, key=lambda parent: parent.column))
