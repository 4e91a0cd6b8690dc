"""What can be asked about each table, read off the mapped tables themselves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Column as MappedColumn
from sqlalchemy import Index, Table, UniqueConstraint

from shared.schema import INTERNAL, OWNERS, metadata
from shared.schema.base import company_column
from shared.schema.lengths import longest

Place = tuple[str, tuple[Any, ...]]  # a table, and a row's primary key
STAMPS: Final = ("createdAt", "updatedAt")  # written here, by the database's clock


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `kind` is the type of its values, `default` the SQL that stands in for none.

    `longest` is how many characters it takes, None where nothing limits them.
    """

    name: str
    kind: type
    sql_type: str
    is_nullable: bool
    default: str | None
    longest: int | None


@dataclass(frozen=True, slots=True)
class Parent:
    """A column that points to a row of another table, of the same company where it has one."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table, as requests see it; `company` is None for those that belong to the platform alone.

    Where `is_shared`, rows without a company are the platform's. `natural` are the columns by
    which people know a row, none where only its id tells it; `nulls_are_equal` says that a part of
    them may be NULL.
    """

    name: str
    owner: str
    company: str | None
    is_shared: bool
    key: tuple[str, ...]
    natural: tuple[str, ...]
    nulls_are_equal: bool
    columns: Mapping[str, Column]
    parents: tuple[Parent, ...]

    @property
    def has_id(self) -> bool:
        """Whether the database numbers its rows."""
        return self.key == ("id",)

    @property
    def is_natural_for_all(self) -> bool:
        """Whether the natural key is there once among all companies."""
        return self.company is not None and bool(self.natural) and self._has_no_parent_in_it

    @property
    def _has_no_parent_in_it(self) -> bool:
        pointing = {self.company, *(parent.column for parent in self.parents)}
        return pointing.isdisjoint(self.natural)

    @property
    def pointing(self) -> tuple[str, ...]:
        """The columns that hold ids of other rows."""
        parents = tuple(parent.column for parent in self.parents)
        return (*parents, self.company) if self.company else parents

    @property
    def writable(self) -> tuple[str, ...]:
        """The columns that a request may name beside the id."""
        hidden = {*STAMPS, self.company, "id" if self.has_id else None}
        return tuple(name for name in self.columns if name not in hidden)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that a new row must name."""
        return tuple(
            name
            for name in self.writable
            if not self.columns[name].is_nullable and self.columns[name].default is None
        )


@cache
def tables() -> Mapping[str, RecordTable]:
    """Give all of them, parents before their children."""
    return {
        table.name: _described(table)
        for table in metadata.sorted_tables
        if table.name not in INTERNAL
    }


def keys_of(places: Iterable[Place]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Name rows by the columns of their primary keys, as facts do."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, key in places:
        found[name].append(dict(zip(tables()[name].key, key, strict=True)))
    return {name: tuple(keys) for name, keys in found.items()}


def _described(table: Table) -> RecordTable:
    company = company_column(table)
    natural, nulls_are_equal = _natural(table)
    return RecordTable(
        name=table.name,
        owner=OWNERS[table.name],
        company=company,
        is_shared=company is not None and bool(table.columns[company].nullable),
        key=tuple(column.name for column in table.primary_key.columns),
        natural=natural,
        nulls_are_equal=nulls_are_equal,
        columns={column.name: _column(column) for column in table.columns},
        parents=_parents(table, company),
    )


def _column(column: MappedColumn[Any]) -> Column:
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
        longest=longest(column),
    )


def _natural(table: Table) -> tuple[tuple[str, ...], bool]:
    """Choose the first key whose columns always say something, else one that may say nothing."""
    if table.primary_key.columns.keys() != ["id"]:
        return (), False
    unique: list[UniqueConstraint | Index] = [
        constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)
    ]
    unique += [index for index in table.indexes if index.unique and not _is_partial(index)]
    named = sorted(
        (any(column.nullable for column in key.columns), tuple(key.columns.keys()), _equates(key))
        for key in unique
        if "id" not in key.columns
    )
    return (named[0][1], named[0][2]) if named else ((), False)


def _equates(key: UniqueConstraint | Index) -> bool:
    return bool(key.dialect_kwargs.get("postgresql_nulls_not_distinct"))


def _is_partial(index: Index) -> bool:
    return index.dialect_kwargs.get("postgresql_where") is not None


def _parents(table: Table, company: str | None) -> tuple[Parent, ...]:
    found = []
    for key in table.foreign_key_constraints:
        columns = [name for name in key.column_keys if name != company]
        if len(columns) == 1:
            found.append(Parent(columns[0], key.referred_table.name))
    return tuple(sorted(found, key=lambda parent: parent.column))
