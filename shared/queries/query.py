"""A query: a statement with its values, and how its rows are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Rows = Sequence[Row[Any]]

MAX_ROWS = 1_000  # of a page
DEFAULT_ROWS = 50


@dataclass(frozen=True, slots=True)
class Query(Generic[T_co]):
    """A statement, its values, and the function that turns its rows into the answer."""

    sql: str
    values: Mapping[str, Any]
    read: Callable[[Rows], T_co]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the cursor of the next page; None if there is none."""

    rows: tuple[T, ...]
    next_cursor: str | None


async def fetch(conn: AsyncConnection, query: Query[T]) -> T:
    """Run a query in a transaction of a reader, and return its answer."""
    return query.read((await conn.execute(text(query.sql), query.values)).all())


async def explain(conn: AsyncConnection, query: Query[T]) -> list[str]:
    """Run a query and return its plan with times and buffers, as Postgres prints it."""
    plan = text(f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}")
    return list((await conn.execute(plan, query.values)).scalars())


def cut_page(rows: Sequence[T], limit: int, build_cursor: Callable[[T], str]) -> Page[T]:
    """Return a page of `limit` rows from what was read, one row more than the page has.

    The cursor is that of the last row shown; there is none if no row is left.
    """
    shown = tuple(rows[:limit])
    return Page(shown, build_cursor(shown[-1]) if len(rows) > limit and shown else None)
