"""Says in a sentence which other row a refused row is in conflict with."""

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import DBAPIError

from shared.db.errors import describe_refusal, read_constraint_name, read_sqlstate
from shared.schema import metadata
from shared.schema.base import find_company_column

UNIQUE_VIOLATION = "23505"


def describe_conflict(error: DBAPIError) -> str:
    """Return why the database refuses a row; for a value that is taken, what to do.

    Never the value: it may be personal data.
    """
    name = read_constraint_name(error)
    known = _list_unique_keys().get(name)
    if read_sqlstate(error) != UNIQUE_VIOLATION or known is None:
        return describe_refusal(error)
    table, columns = known
    return (
        f'another row of "{table}" has the same {" and ".join(columns)} ({name}): choose another '
        "value, or change that row"
    )


@cache
def _list_unique_keys() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return table and columns of each unique constraint and index, without the company."""
    keys: dict[str, tuple[str, tuple[str, ...]]] = {}
    for table in metadata.sorted_tables:
        company = find_company_column(table)
        unique: list[UniqueConstraint | Index] = [
            constraint
            for constraint in table.constraints
            if isinstance(constraint, UniqueConstraint)
        ]
        for key in [*unique, *(index for index in table.indexes if index.unique)]:
            columns = tuple(name for name in key.columns.keys() if name != company)  # noqa: SIM118 - not a dict
            keys[str(key.name)] = (table.name, columns or (company or "",))
    return keys
