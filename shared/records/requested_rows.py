"""The rows in requests, and an index of existing rows. No clock, no database."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from shared.contracts.record_request import RecordDelete, RecordRequest, Row
from shared.records.tables import RecordTable, get_tables

TABLE, NAME, REF, HISTORY = "$table", "$name", "$ref", "$history"

Key = tuple[Any, ...]
UNRESOLVED: Final = object()
MAX_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RequestedRow:
    """A row of a request: its columns, without $table, $name and $history.

    `index` counts from 0. `name` is its $name. `history` is what is requested of a contact's
    history: True deletes it as well.
    """

    request: RecordRequest
    index: int
    table: RecordTable | None
    table_name: str
    name: str | None
    row: Row
    history: object = None

    @property
    def is_by_platform(self) -> bool:
        """Return whether the platform requests it, which may name rows of any company."""
        return self.request.company_id == 0

    @property
    def company_id(self) -> int | None:
        """Return the company whose row it is; None is the platform."""
        if not self.is_by_platform:
            return self.request.company_id
        column = self.table.company_column if self.table else None
        company_id = self.row.get(column) if column else None
        return company_id if is_id(company_id) else None

    def resolve_references(self, ids: Mapping[str, int]) -> "RequestedRow":
        """Return it with ids in place of each `{"$ref": name}`, or UNRESOLVED without an id."""
        columns = self.table.reference_columns if self.table else ()
        names = {c: name for c in columns if (name := _read_reference(self.row.get(c))) is not None}
        row = self.row | {column: ids.get(name, UNRESOLVED) for column, name in names.items()}
        return replace(self, row=row)


@dataclass(frozen=True, slots=True)
class ExistingRow:
    """Company, primary key and natural key of a row that exists or will be inserted."""

    company_id: int | None
    key: Key
    natural_key: Key


@dataclass(slots=True)
class KnownRows:
    """Rows that exist, by their keys, and parents that may be referenced."""

    by_key: dict[tuple[str, int | None, Key], ExistingRow] = field(default_factory=dict)
    by_natural_key: dict[tuple[str, int | None, Key], ExistingRow] = field(default_factory=dict)
    by_global_key: dict[tuple[str, Key], ExistingRow] = field(default_factory=dict)
    parents: set[tuple[str, int | None, int]] = field(default_factory=set)

    def add(self, table: RecordTable, row: ExistingRow) -> None:
        """Add a row under both of its keys."""
        self.by_key[table.name, row.company_id, row.key] = row
        if table.has_id:
            of_company = row.company_id if table.company_column else None
            self.parents.add((table.name, of_company, row.key[0]))
        if not table.natural_key:
            return
        if table.nulls_are_equal or None not in _drop_company(table, row.natural_key):
            self.by_natural_key[table.name, row.company_id, row.natural_key] = row
            if table.is_natural_key_global:
                self.by_global_key[table.name, row.natural_key] = row

    def add_new(
        self, table: RecordTable, company_id: int | None, key: Key, row: Row
    ) -> ExistingRow:
        """Add a new row and return it; its natural key may be incomplete."""
        new = ExistingRow(company_id, key, _list_natural_values(table, company_id, row))
        self.add(table, new)
        return new

    def remove(self, table: RecordTable, row: ExistingRow) -> None:
        """Remove a row that is deleted, or gets another natural key."""
        self.by_key.pop((table.name, row.company_id, row.key), None)
        self.by_natural_key.pop((table.name, row.company_id, row.natural_key), None)
        self.by_global_key.pop((table.name, row.natural_key), None)

    def change(self, table: RecordTable, company_id: int | None, key: Key, row: Row) -> None:
        """Replace a row's natural key if a changed column is part of it."""
        known = self.by_key[table.name, company_id, key]
        natural_key = tuple(
            row.get(column, value)
            for column, value in zip(table.natural_key, known.natural_key, strict=False)
        )
        if natural_key != known.natural_key:
            self.remove(table, known)
            self.add(table, ExistingRow(company_id, key, natural_key))

    def find_by_natural_key(
        self, table: RecordTable, company_id: int | None, row: Row
    ) -> ExistingRow | None:
        """Return the row with this natural key, of any company if the key is global."""
        natural_key = read_natural_key(table, company_id, row)
        if natural_key is None:
            return None
        return self.by_natural_key.get(
            (table.name, company_id, natural_key)
        ) or self.by_global_key.get((table.name, natural_key))

    def find(self, table: RecordTable, company_id: int | None, row: Row) -> ExistingRow | None:
        """Return the company's row with the primary key that is named, else the natural key."""
        key = read_key(table, row)
        if key is not None:
            return self.by_key.get((table.name, company_id, key))
        natural_key = read_natural_key(table, company_id, row)
        if natural_key is None:
            return None
        return self.by_natural_key.get((table.name, company_id, natural_key))


def list_rows(batch: Iterable[RecordRequest]) -> list[RequestedRow]:
    """Return all rows of a batch, in the order of the requests."""
    return [_build_row(request, n, row) for request in batch for n, row in enumerate(request.rows)]


def _build_row(request: RecordRequest, index: int, row: Row) -> RequestedRow:
    table_name = str(row.get(TABLE, request.table))
    name = row.get(NAME)
    keywords = {TABLE, NAME}
    if table_name == "Contacts" and isinstance(request, RecordDelete):
        keywords.add(HISTORY)
    return RequestedRow(
        request,
        index,
        get_tables().get(table_name),
        table_name,
        None if name is None else str(name),
        {column: value for column, value in row.items() if column not in keywords},
        row.get(HISTORY) if HISTORY in keywords else None,
    )


def group_by_table(
    rows: Iterable[RequestedRow],
) -> Iterator[tuple[RecordTable, list[RequestedRow]]]:
    """Yield the rows of each table, parents before children; rows of no table are left out."""
    by_name: dict[str, list[RequestedRow]] = {}
    for row in rows:
        if row.table is not None:
            by_name.setdefault(row.table.name, []).append(row)
    for name, table in get_tables().items():
        if name in by_name:
            yield table, by_name[name]


def is_id(value: object) -> TypeGuard[int]:
    """Return whether a value may be looked up as an id; any other is refused by its column."""
    return type(value) is int and 0 <= value <= MAX_ID


def _read_reference(value: object) -> str | None:
    if isinstance(value, dict) and value.keys() == {REF}:
        return str(value[REF])
    return None


def read_key(table: RecordTable, row: Row) -> Key | None:
    """Return the primary key that a row names; None if a part of it is missing."""
    values = tuple(row.get(column) for column in table.key)
    return None if None in values or UNRESOLVED in values else values


def read_natural_key(table: RecordTable, company_id: int | None, row: Row) -> Key | None:
    """Return the natural key of a row; None if it cannot identify a row.

    That is so if it has only NULLs, or a NULL although NULLs are distinct.
    """
    values = _list_natural_values(table, company_id, row)
    own = _drop_company(table, values)
    is_empty = bool(own) and set(own) == {None}
    if not values or UNRESOLVED in own or is_empty or (None in own and not table.nulls_are_equal):
        return None
    return values


def _list_natural_values(table: RecordTable, company_id: int | None, row: Row) -> Key:
    """Return a row's values of its natural key, None if it does not name them."""
    return tuple(
        company_id if column == table.company_column else row.get(column)
        for column in table.natural_key
    )


def _drop_company(table: RecordTable, natural_key: Key) -> list[Any]:
    return [
        value
        for column, value in zip(table.natural_key, natural_key, strict=True)
        if column != table.company_column
    ]


def collect_parents(rows: Iterable[RequestedRow]) -> dict[str, set[tuple[int | None, int]]]:
    """Return the parents that rows reference by id, as (company, id), by table."""
    parents: dict[str, set[tuple[int | None, int]]] = {}
    for requested in rows:
        table = requested.table
        if table is None:
            continue
        if table.company_column and requested.company_id is not None:
            parents.setdefault("Companies", set()).add((None, requested.company_id))
        for parent in table.parents:
            value = requested.row.get(parent.column)
            if is_id(value):
                has_company = get_tables()[parent.table].company_column
                of_company = requested.company_id if has_company else None
                parents.setdefault(parent.table, set()).add((of_company, value))
    return parents
