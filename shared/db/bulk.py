"""One statement for a whole batch: columns go in as arrays, so the text never changes."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import TextClause, text


class RacedError(Exception):
    """Another worker changed a row between our reading and our writing: load and decide again."""


def statement(sql: str) -> TextClause:
    """Prepare SQL once, at import, whose parameters are arrays of the batch's columns."""
    return text(sql)


def same(row: str, company: str) -> str:
    """Compare a row's company where its id has found it already, in SQL that is no key to join by.

    As an equality the planner would join by it: on a table without statistics it takes all rows of
    a company for one row, and tries each with each.
    """
    return f'{row}."companyId" IS NOT DISTINCT FROM {company}'


def columns(rows: Sequence[Any], names: Iterable[str]) -> dict[str, list[Any]]:
    """Turn rows (dataclasses or contracts) into one list a column, named as the attribute."""
    return {name: [getattr(row, name) for row in rows] for name in names}


def all_columns(rows: Sequence[Any], row_type: type) -> dict[str, list[Any]]:
    """Turn rows of one dataclass into one list a field."""
    return columns(rows, (field.name for field in fields(row_type)))
