"""How long text may be that an index holds: a row of it has at most a third of a page.

A longer one is an error of its own class (54000), which says nothing against the value that caused
it. So each text column of an index has a length: that of its type, else that of a constraint.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, Index, MetaData, String, Table, UniqueConstraint
from sqlalchemy.schema import ForeignKeyConstraint, PrimaryKeyConstraint

from shared.contracts.base import LONGEST_NAME

LARGEST_INDEX_ROW: Final = 2_704  # bytes, over all columns of a btree index on pages of 8 KB
LONGEST: Final = "longest"  # in a column's info: characters, where other columns need the room
KEYS: Final = (PrimaryKeyConstraint, UniqueConstraint, ForeignKeyConstraint)
BTREE: Final = "btree"  # others, such as those on the words of a text, hold parts of it
WORD: Final = re.compile(r"\w+")

AnyColumn = Column[Any]


def longest(column: AnyColumn) -> int | None:
    """Return how many characters a column takes at most; None where nothing limits them."""
    if not isinstance(column.type, String):
        return None
    if column.type.length is not None:
        return column.type.length
    if not any(column in columns for columns in index_rows(column.table)):
        return None
    found: int = column.info.get(LONGEST, LONGEST_NAME)
    return found


def index_rows(table: Table) -> Iterator[tuple[AnyColumn, ...]]:
    """Yield the columns of each key and of each btree index, those in its expressions too."""
    for constraint in table.constraints:
        if isinstance(constraint, KEYS):
            yield tuple(constraint.columns)
    for index in table.indexes:
        if (index.dialect_kwargs.get("postgresql_using") or BTREE) == BTREE:
            yield tuple(_columns(index, table.columns))


def limit_indexed_text(metadata: MetaData) -> None:
    """Add a constraint to each text column of an index whose type has no length."""
    for table in metadata.tables.values():
        for column in table.columns:
            length = longest(column)
            if length is not None and getattr(column.type, "length", None) is None:
                quoted = column.name if column.name.islower() else f'"{column.name}"'
                table.append_constraint(
                    CheckConstraint(
                        f"char_length({quoted}) <= {length}", name=f"{column.name}_length"
                    )
                )


def _columns(index: Index, columns: Iterable[AnyColumn]) -> Iterator[AnyColumn]:
    words = {word for e in index.expressions for word in WORD.findall(str(e))}
    return (column for column in columns if column.name in words)
