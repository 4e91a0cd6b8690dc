"""Length limits of indexed text: a btree index row can use at most a third of a page.

Postgres refuses a longer one with an error (class 54000) that does not name the value. So every
text column of an index has a limit: that of its type, or that of a constraint.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, Index, MetaData, String, Table, UniqueConstraint
from sqlalchemy.schema import ForeignKeyConstraint, PrimaryKeyConstraint

from shared.contracts.base import LONGEST_NAME

MAX_INDEX_ROW_BYTES: Final = 2_704  # of all columns of a btree index, on pages of 8 KB
MAX_LENGTH: Final = "longest"  # key of a column's info: a limit below LONGEST_NAME
KEYS: Final = (PrimaryKeyConstraint, UniqueConstraint, ForeignKeyConstraint)
BTREE: Final = "btree"  # other kinds, such as full text search, index parts of a text
NAME: Final = re.compile(r"\w+")

AnyColumn = Column[Any]


def find_max_length(column: AnyColumn) -> int | None:
    """Return the limit of a text column in characters; None if there is none."""
    if not isinstance(column.type, String):
        return None
    if column.type.length is not None:
        return column.type.length
    if not any(column in columns for columns in list_index_rows(column.table)):
        return None
    max_length: int = column.info.get(MAX_LENGTH, LONGEST_NAME)
    return max_length


def list_index_rows(table: Table) -> Iterator[tuple[AnyColumn, ...]]:
    """Yield the columns of each key and btree index, with those in expressions."""
    for constraint in table.constraints:
        if isinstance(constraint, KEYS):
            yield tuple(constraint.columns)
    for index in table.indexes:
        if (index.dialect_kwargs.get("postgresql_using") or BTREE) == BTREE:
            yield tuple(_find_columns(index, table.columns))


def limit_indexed_text(metadata: MetaData) -> None:
    """Add a constraint to each text column of an index whose type has no length."""
    for table in metadata.tables.values():
        for column in table.columns:
            length = find_max_length(column)
            if length is not None and getattr(column.type, "length", None) is None:
                quoted = column.name if column.name.islower() else f'"{column.name}"'
                table.append_constraint(
                    CheckConstraint(
                        f"char_length({quoted}) <= {length}", name=f"{column.name}_length"
                    )
                )


def _find_columns(index: Index, columns: Iterable[AnyColumn]) -> Iterator[AnyColumn]:
    names = {name for e in index.expressions for name in NAME.findall(str(e))}
    return (column for column in columns if column.name in names)
