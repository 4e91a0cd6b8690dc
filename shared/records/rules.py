"""Decides requests: all rows of a request take effect, or the request is refused.

No clock, no database: ids of new rows were reserved before.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.error_texts import quote_name
from shared.contracts.record_request import RecordRequest, Row
from shared.db.purged import PURGED_TABLES
from shared.records.models import InvalidRowError, check_row
from shared.records.protected_columns import ARCHIVED, PLAN_LIMITS, check_columns
from shared.records.requested_rows import (
    UNRESOLVED,
    ExistingRow,
    Key,
    KnownRows,
    RequestedRow,
    read_key,
    read_natural_key,
)
from shared.records.tables import RecordTable, RowKey, get_tables


class RefusedError(Exception):
    """A row cannot be saved or deleted; the message says why."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused request; `row` is the index of the row that caused it, if one did."""

    request: RecordRequest
    reason: str
    row: int | None


@dataclass(slots=True)
class Applied:
    """A request whose rows are saved or deleted, each named once.

    `purged` are rows, as (company, id), whose deletion only begins: a purge deletes them.
    """

    request: RecordRequest
    inserted: dict[RowKey, None] = field(default_factory=dict)
    updated: dict[RowKey, None] = field(default_factory=dict)
    deleted: dict[RowKey, None] = field(default_factory=dict)
    purged: dict[tuple[int, int], None] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """The rows to write, each once, and the result of each request.

    `room` is the number of rows that a company may still add to a limited table.
    """

    owner: str
    known: KnownRows
    ids: Mapping[str, Iterator[int]] = field(default_factory=dict)
    room: dict[tuple[str, int | None], int] = field(default_factory=dict)
    inserts: dict[str, dict[Key, Row]] = field(default_factory=dict)
    updates: dict[str, dict[Key, Row]] = field(default_factory=dict)
    deletes: dict[str, dict[Key, None]] = field(default_factory=dict)
    results: list[Applied | Refused] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """The changes of one request, added to the plan when all its rows are accepted."""

    plan: Plan
    applied: Applied
    new_rows: KnownRows = field(default_factory=KnownRows)
    ids: dict[str, int] = field(default_factory=dict)
    inserts: dict[RowKey, tuple[ExistingRow, Row]] = field(default_factory=dict)
    updates: dict[RowKey, tuple[int | None, Row]] = field(default_factory=dict)
    deletes: list[tuple[RecordTable, ExistingRow]] = field(default_factory=list)
    table_names: set[str] = field(default_factory=set)

    def save(self, requested: RequestedRow) -> None:
        """Add one row; raises RefusedError, or InvalidRowError."""
        requested = requested.resolve_references(self.ids)
        table = _check_table(self.plan.owner, requested)
        company_id = requested.company_id
        row = check_row(table, _drop_company(table, requested))
        existing = self._find(table, company_id, row)
        self._check_natural_key(table, company_id, row, existing)
        written = row if existing is None else _drop_unchanged(table, row, existing)
        check_columns(
            table, written, is_new=existing is None, is_by_platform=requested.is_by_platform
        )
        self._check_parents(table, company_id, row)
        if existing is None:
            key = self._insert(table, company_id, row)
        else:
            key = self._update(table, existing, row)
        if requested.name and table.has_id:
            self.ids[requested.name] = key[0]

    def delete(self, requested: RequestedRow) -> None:
        """Add the deletion of one row; a row that does not exist is ignored."""
        table = _check_table(self.plan.owner, requested)
        self.table_names.add(table.name)
        if len(self.table_names) > 1 and not self.table_names.isdisjoint(PURGED_TABLES):
            raise RefusedError(
                f"rows of {_quote_purged(self.table_names)} are deleted in steps: "
                "name them in a request of their own"
            )
        row = check_row(table, _drop_company(table, requested))
        company_id = requested.company_id
        if read_key(table, row) is None and read_natural_key(table, company_id, row) is None:
            keys = " or ".join(", ".join(key) for key in (table.key, table.natural_key) if key)
            raise RefusedError(f'a row of "{table.name}" is named by {keys}')
        existing = self.plan.known.find(table, company_id, row)
        if existing is not None:
            self.applied.deleted[table.name, existing.key] = None
            self._delete(table, existing, requested)

    def _delete(self, table: RecordTable, existing: ExistingRow, requested: RequestedRow) -> None:
        if table.name not in PURGED_TABLES:
            self.deletes.append((table, existing))
        elif table.name != ARCHIVED:
            (row_id,) = existing.key
            company_id = row_id if existing.company_id is None else existing.company_id
            self.applied.purged[company_id, row_id] = None
        else:
            update = (existing.company_id, {"active": False})
            self.updates.setdefault((table.name, existing.key), update)
            if requested.history is not None and not isinstance(requested.history, bool):
                raise RefusedError("$history is true or false")
            if requested.history and existing.company_id is not None:
                self.applied.purged[existing.company_id, existing.key[0]] = None

    def add_to_plan(self) -> None:
        """Add all changes to the plan; raises RefusedError if a limit of "Plans" is exceeded."""
        self._use_limits()
        for (name, key), (new, row) in self.inserts.items():
            self.plan.inserts.setdefault(name, {})[key] = row
            self.plan.known.add(get_tables()[name], new)
        for (name, key), (company_id, row) in self.updates.items():
            self.plan.known.change(get_tables()[name], company_id, key, row)
            planned = self.plan.inserts.get(name, {}).get(key)
            if planned is None:
                planned = self.plan.updates.setdefault(name, {}).setdefault(key, {})
            planned.update(row)
        for table, existing in self.deletes:
            self.plan.known.remove(table, existing)
            self.plan.deletes.setdefault(table.name, {})[existing.key] = None

    def _find(self, table: RecordTable, company_id: int | None, row: Row) -> ExistingRow | None:
        return self.new_rows.find(table, company_id, row) or self.plan.known.find(
            table, company_id, row
        )

    def _check_natural_key(
        self, table: RecordTable, company_id: int | None, row: Row, existing: ExistingRow | None
    ) -> None:
        other = self.new_rows.find_by_natural_key(
            table, company_id, row
        ) or self.plan.known.find_by_natural_key(table, company_id, row)
        if other is not None and other is not existing:
            raise RefusedError(_describe_taken(table, other, company_id))

    def _check_parents(self, table: RecordTable, company_id: int | None, row: Row) -> None:
        if table.company_column and company_id is not None:
            self._check_parent(table.company_column, "Companies", None, company_id)
        for parent in table.parents:
            of_company = company_id if get_tables()[parent.table].company_column else None
            self._check_parent(parent.column, parent.table, of_company, row.get(parent.column))

    def _check_parent(
        self, column: str, table: str, company_id: int | None, parent_id: int | None
    ) -> None:
        parent = (table, company_id, parent_id)
        is_known = parent in self.new_rows.parents or parent in self.plan.known.parents
        if parent_id is not None and not is_known:
            raise RefusedError(f'{column}: "{table}" has no row {parent_id}')

    def _insert(self, table: RecordTable, company_id: int | None, row: Row) -> Key:
        if table.has_id and "id" in row:
            raise RefusedError(f'"{table.name}" has no row {row["id"]}; a new one has no id yet')
        if missing := [column for column in table.required_columns if row.get(column) is None]:
            raise RefusedError(f'a new row of "{table.name}" needs {", ".join(missing)}')
        if table.has_id:
            row["id"] = next(self.plan.ids[table.name])
        key = tuple(row[column] for column in table.key)
        if table.company_column:
            row[table.company_column] = company_id
        new = self.new_rows.add_new(table, company_id, key, row)
        self.inserts[table.name, key] = (new, row)
        self.applied.inserted[table.name, key] = None
        return key

    def _update(self, table: RecordTable, existing: ExistingRow, row: Row) -> Key:
        row_key = (table.name, existing.key)
        if row_key in self.inserts:
            self.inserts[row_key][1].update(row)
        else:
            self.updates.setdefault(row_key, (existing.company_id, {}))[1].update(row)
            self.applied.updated[row_key] = None
        return existing.key

    def _use_limits(self) -> None:
        new = Counter((name, row.company_id) for (name, _), (row, _) in self.inserts.items())
        limited = {of: count for of, count in new.items() if of in self.plan.room}
        for of, count in limited.items():
            if count > (left := self.plan.room[of]):
                raise RefusedError(f"the company's plan allows {left} more {PLAN_LIMITS[of[0]]}")
        for of, count in limited.items():
            self.plan.room[of] -= count


def apply_requests(
    plan: Plan, batch: Iterable[tuple[RecordRequest, Sequence[RequestedRow]]], *, to: str
) -> None:
    """Apply or refuse requests `to` save or delete; each sees the changes of those before it."""
    for request, rows in batch:
        draft = _Draft(plan, Applied(request))
        index: int | None = None
        try:
            for requested in rows:
                index = requested.index
                draft.save(requested) if to == "save" else draft.delete(requested)
            index = None
            draft.add_to_plan()
        except (RefusedError, InvalidRowError) as refusal:
            plan.results.append(Refused(request, str(refusal), index))
        else:
            plan.results.append(draft.applied)


def _quote_purged(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in sorted(names) if name in PURGED_TABLES)


def _describe_taken(table: RecordTable, other: ExistingRow, company_id: int | None) -> str:
    """Return that another row has a natural key, and what to do; of other companies no id."""
    columns = " and ".join(c for c in table.natural_key if c != table.company_column)
    if other.company_id != company_id:
        return (
            f'"{table.name}" has another row with this {columns}, of another company: choose '
            f"another {columns}"
        )
    key = ", ".join(str(value) for value in other.key)
    return (
        f'"{table.name}" has another row with this {columns}, {key}: choose another {columns}, or '
        "change that row"
    )


def _check_table(owner: str, requested: RequestedRow) -> RecordTable:
    """Return the row's table; raises RefusedError if this request may not name it."""
    table = requested.table
    if table is None:
        raise RefusedError(f'there is no table "{quote_name(requested.table_name)}"')
    if table.owner != owner:
        raise RefusedError(f'"{table.name}" is asked about on {table.owner}.requests')
    if table.company_column is None and not requested.is_by_platform:
        raise RefusedError(f'"{table.name}" is the platform\'s: it is asked about as company 0')
    if table.company_column and requested.company_id is None and not table.is_shared:
        raise RefusedError(f'a row of "{table.name}" needs {table.company_column}')
    return table


def _drop_company(table: RecordTable, requested: RequestedRow) -> Row:
    """Return the columns without the company; raises RefusedError if it is not the request's."""
    row = requested.row
    unresolved = next((name for name, value in row.items() if value is UNRESOLVED), None)
    if unresolved:
        raise RefusedError(f"{unresolved} points to a row that is not named before it")
    company_column = table.company_column
    if company_column in row and row[company_column] != requested.company_id:
        raise RefusedError(f"{company_column} is not that of the request")
    return {name: value for name, value in row.items() if name != company_column}


def _drop_unchanged(table: RecordTable, row: Row, existing: ExistingRow) -> Row:
    """Return the columns without those of the natural key that have this value already."""
    unchanged = dict(zip(table.natural_key, existing.natural_key, strict=False))
    return {c: v for c, v in row.items() if c not in unchanged or unchanged[c] != v}
