"""Ranges of numbers: what the rules that read a column can compute with.

A request with another number is refused with the range (`shared/records/models.py`); a constraint
refuses it from everybody else.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import CheckConstraint, Column, MetaData

RANGE: Final = "range"  # key of a column's info


class Range(NamedTuple):
    """The least and the greatest number that a column holds, besides NULL."""

    least: int
    most: int


INT: Final = Range(-(2**31), 2**31 - 1)
# Less than a month could be a slip of the finger: what is deleted does not come back.
RETENTION_DAYS: Final = Range(30, 36_500)


def find_range(column: Column[Any]) -> Range | None:
    """Return the range of a column; None if only its type limits it."""
    found: Range | None = column.info.get(RANGE)
    return found


def limit_numbers(metadata: MetaData) -> None:
    """Add a constraint to each column that has a range."""
    for table in metadata.tables.values():
        for column in table.columns:
            if (allowed := find_range(column)) is not None:
                quoted = column.name if column.name.islower() else f'"{column.name}"'
                table.append_constraint(
                    CheckConstraint(
                        f"{quoted} BETWEEN {allowed.least} AND {allowed.most}",
                        name=f"{column.name}_range",
                    )
                )
