"""What has to be known before requests about rows can be decided: whose rows, which parents.

No clock, no database. Rows come with the tables that they are of, and pointers between rows of
one request are turned into ids as far as those are known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from shared.contracts.record_request import RecordDelete, RecordRequest, Row
from shared.records.tables import RecordTable, tables

TABLE, NAME, REF, HISTORY = "$table", "$name", "$ref", "$history"

Key = tuple[Any, ...]
UNKNOWN: Final = object()
LARGEST_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of a request, without the words that are not columns; `place` counts from 0.

    `history` is what is asked of a contact's history: True that it goes as well.
    """

    request: RecordRequest
    place: int
    table: RecordTable | None
    named: str
    name: str | None
    row: Row
    history: object = None

    @property
    def is_platforms(self) -> bool:
        """Whether the platform asks, which may do so about rows of any company."""
        return self.request.company_id == 0

    @property
    def company_id(self) -> int | None:
        """Whose row it is; None is the platform's own."""
        if not self.is_platforms:
            return self.request.company_id
        named = self.row.get(self.table.company) if self.table and self.table.company else None
        return named if is_id(named) else None

    def pointing(self, ids: Mapping[str, int]) -> "Asked":
        """Put ids where names of rows are; UNKNOWN where there is none."""
        pointing = self.table.pointing if self.table else ()
        names = {c: name for c in pointing if (name := _ref_in(self.row.get(c))) is not None}
        row = self.row | {column: ids.get(name, UNKNOWN) for column, name in names.items()}
        return replace(self, row=row)


@dataclass(frozen=True, slots=True)
class Found:
    """A row that there is, by its key and by its natural key."""

    company_id: int | None
    key: Key
    natural: Key


@dataclass(slots=True)
class Known:
    """Rows that there are, and parents that may be pointed to."""

    by_key: dict[tuple[str, int | None, Key], Found] = field(default_factory=dict)
    by_natural: dict[tuple[str, int | None, Key], Found] = field(default_factory=dict)
    elsewhere: dict[tuple[str, Key], Found] = field(default_factory=dict)
    parents: set[tuple[str, int | None, int]] = field(default_factory=set)

    def add(self, table: RecordTable, found: Found) -> None:
        """Remember a row under both of its keys."""
        self.by_key[table.name, found.company_id, found.key] = found
        if table.has_id:
            of_company = found.company_id if table.company else None
            self.parents.add((table.name, of_company, found.key[0]))
        if table.natural and (table.nulls_are_equal or None not in _said(table, found.natural)):
            self.by_natural[table.name, found.company_id, found.natural] = found
            if table.is_natural_for_all:
                self.elsewhere[table.name, found.natural] = found

    def add_new(self, table: RecordTable, company_id: int | None, key: Key, row: Row) -> Found:
        """Remember a new row, whatever it says of its natural key; return it."""
        found = Found(company_id, key, natural_in(table, company_id, row))
        self.add(table, found)
        return found

    def forget(self, table: RecordTable, found: Found) -> None:
        """Know nothing more of a row that is deleted, or called otherwise."""
        self.by_key.pop((table.name, found.company_id, found.key), None)
        self.by_natural.pop((table.name, found.company_id, found.natural), None)
        self.elsewhere.pop((table.name, found.natural), None)

    def change(self, table: RecordTable, company_id: int | None, key: Key, row: Row) -> None:
        """Know a row by its new natural key, where that is among what changes."""
        found = self.by_key[table.name, company_id, key]
        natural = tuple(
            row.get(column, value)
            for column, value in zip(table.natural, found.natural, strict=False)
        )
        if natural != found.natural:
            self.forget(table, found)
            self.add(table, Found(company_id, key, natural))

    def other(self, table: RecordTable, company_id: int | None, row: Row) -> Found | None:
        """Find the row that people know by what a row says, whosever it is."""
        natural = natural_of(table, company_id, row)
        if natural is None:
            return None
        return self.by_natural.get((table.name, company_id, natural)) or self.elsewhere.get(
            (table.name, natural)
        )

    def find(self, table: RecordTable, company_id: int | None, row: Row) -> Found | None:
        """Find the row that is meant: by its key where that is named, else by what people know."""
        key = key_of(table, row)
        if key is not None:
            return self.by_key.get((table.name, company_id, key))
        natural = natural_of(table, company_id, row)
        if natural is None:
            return None
        return self.by_natural.get((table.name, company_id, natural))


def asked(batch: Iterable[RecordRequest]) -> list[Asked]:
    """List all rows of a batch, in the order of the requests."""
    return [_asked(request, n, row) for request in batch for n, row in enumerate(request.rows)]


def _asked(request: RecordRequest, place: int, row: Row) -> Asked:
    named = str(row.get(TABLE, request.table))
    name = row.get(NAME)
    words = {TABLE, NAME}
    if named == "Contacts" and isinstance(request, RecordDelete):
        words.add(HISTORY)
    return Asked(
        request,
        place,
        tables().get(named),
        named,
        None if name is None else str(name),
        {column: value for column, value in row.items() if column not in words},
        row.get(HISTORY) if HISTORY in words else None,
    )


def by_table(rows: Iterable[Asked]) -> Iterator[tuple[RecordTable, list[Asked]]]:
    """Group rows by their tables, parents before children."""
    found: dict[str, list[Asked]] = {}
    for row in rows:
        if row.table is not None:
            found.setdefault(row.table.name, []).append(row)
    for name, table in tables().items():
        if name in found:
            yield table, found[name]


def is_id(value: object) -> TypeGuard[int]:
    """Tell whether a value may be asked for as an id; another one is refused where it stands."""
    return type(value) is int and 0 <= value <= LARGEST_ID


def _ref_in(value: object) -> str | None:
    if isinstance(value, dict) and value.keys() == {REF}:
        return str(value[REF])
    return None


def key_of(table: RecordTable, row: Row) -> Key | None:
    """Give the primary key that a row names, or None where it names only a part of it."""
    values = tuple(row.get(column) for column in table.key)
    return None if None in values or UNKNOWN in values else values


def natural_of(table: RecordTable, company_id: int | None, row: Row) -> Key | None:
    """Give the natural key that a row names; one that lacks a part finds nothing."""
    values = natural_in(table, company_id, row)
    said = _said(table, values)
    is_silent = bool(said) and set(said) == {None}
    if not values or UNKNOWN in said or is_silent or (None in said and not table.nulls_are_equal):
        return None
    return values


def natural_in(table: RecordTable, company_id: int | None, row: Row) -> Key:
    """Return a row's values of its natural key, None where it does not say them."""
    return tuple(
        company_id if column == table.company else row.get(column) for column in table.natural
    )


def _said(table: RecordTable, natural: Key) -> list[Any]:
    """Leave the company out of a natural key."""
    return [v for c, v in zip(table.natural, natural, strict=True) if c != table.company]


def parents_of(rows: Iterable[Asked]) -> dict[str, set[tuple[int | None, int]]]:
    """Name the parents that rows point to by id, as (company, id), by table."""
    found: dict[str, set[tuple[int | None, int]]] = {}
    for asked_row in rows:
        if asked_row.table is None:
            continue
        if asked_row.table.company and asked_row.company_id is not None:
            found.setdefault("Companies", set()).add((None, asked_row.company_id))
        for parent in asked_row.table.parents:
            value = asked_row.row.get(parent.column)
            if is_id(value):
                of_company = asked_row.company_id if tables()[parent.table].company else None
                found.setdefault(parent.table, set()).add((of_company, value))
    return found
