"""What becomes of requests about rows: all of a request's rows take effect, or it is refused.

No clock, no database; new rows get ids that were drawn for them beforehand.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.record_request import RecordRequest, Row
from shared.contracts.trouble import quoted
from shared.db.purged import PURGED
from shared.records.asking import UNKNOWN, Asked, Found, Key, Known, key_of, natural_of
from shared.records.models import UnfitRowError, checked
from shared.records.rights import LIMITED, SOFTLY, check_columns
from shared.records.tables import Place, RecordTable, tables


class RefusedError(Exception):
    """The business says no; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request of which nothing takes effect, for a reason that its row at `place` gives."""

    request: RecordRequest
    reason: str
    place: int | None


@dataclass(slots=True)
class Granted:
    """A request whose rows are saved or deleted; each is named once.

    `purged` are rows, each with its company, whose deletion takes much along and only begins.
    """

    request: RecordRequest
    inserted: dict[Place, None] = field(default_factory=dict)
    updated: dict[Place, None] = field(default_factory=dict)
    deleted: dict[Place, None] = field(default_factory=dict)
    purged: dict[tuple[int, int], None] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What is to be written, each row once, and what became of each request.

    `room` is how many more rows of a limited table a company may have.
    """

    owner: str
    known: Known
    ids: Mapping[str, Iterator[int]] = field(default_factory=dict)
    room: dict[tuple[str, int | None], int] = field(default_factory=dict)
    inserts: dict[str, dict[Key, Row]] = field(default_factory=dict)
    updates: dict[str, dict[Key, Row]] = field(default_factory=dict)
    deletes: dict[str, dict[Key, None]] = field(default_factory=dict)
    answers: list[Granted | Refused] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """A request's rows, until all of them are known to be right."""

    plan: Plan
    granted: Granted
    fresh: Known = field(default_factory=Known)
    ids: dict[str, int] = field(default_factory=dict)
    new: dict[Place, tuple[Found, Row]] = field(default_factory=dict)
    changed: dict[Place, tuple[int | None, Row]] = field(default_factory=dict)
    gone: list[tuple[RecordTable, Found]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def save(self, asked: Asked) -> None:
        """Plan one row; raises RefusedError, or UnfitRowError."""
        asked = asked.pointing(self.ids)
        table = _owned(self.plan.owner, asked)
        row = checked(table, _own_columns(table, asked))
        found = self._find(table, asked.company_id, row)
        self._check_natural(table, asked.company_id, row, found)
        said = row if found is None else _unlike(table, row, found)
        check_columns(table, said, is_new=found is None, is_platforms=asked.is_platforms)
        self._check_parents(table, asked.company_id, row)
        key = self._insert(table, asked, row) if found is None else self._update(table, found, row)
        if asked.name and table.has_id:
            self.ids[asked.name] = key[0]

    def delete(self, asked: Asked) -> None:
        """Plan to delete one row; one that is not there is no trouble."""
        table = _owned(self.plan.owner, asked)
        self.named.add(table.name)
        if len(self.named) > 1 and not self.named.isdisjoint(PURGED):
            raise RefusedError(
                f"rows of {_takes_much(self.named)} take much along: ask for them alone"
            )
        row = checked(table, _own_columns(table, asked))
        if key_of(table, row) is None and natural_of(table, asked.company_id, row) is None:
            names = " or ".join(", ".join(names) for names in (table.key, table.natural) if names)
            raise RefusedError(f'a row of "{table.name}" is named by {names}')
        found = self.plan.known.find(table, asked.company_id, row)
        if found is not None:
            self.granted.deleted[table.name, found.key] = None
            self._delete(table, found, asked)

    def _delete(self, table: RecordTable, found: Found, asked: Asked) -> None:
        if table.name not in PURGED:
            self.gone.append((table, found))
        elif table.name != SOFTLY:
            (row_id,) = found.key
            company_id = row_id if found.company_id is None else found.company_id
            self.granted.purged[company_id, row_id] = None
        else:
            self.changed.setdefault((table.name, found.key), (found.company_id, {"active": False}))
            if asked.history is not None and not isinstance(asked.history, bool):
                raise RefusedError("$history is true or false")
            if asked.history and found.company_id is not None:
                self.granted.purged[found.company_id, found.key[0]] = None

    def take(self) -> None:
        """Let the plan have all rows; raises RefusedError where there is no room for them."""
        self._take_room()
        for (name, key), (found, row) in self.new.items():
            self.plan.inserts.setdefault(name, {})[key] = row
            self.plan.known.add(tables()[name], found)
        for (name, key), (company_id, row) in self.changed.items():
            self.plan.known.change(tables()[name], company_id, key, row)
            planned = self.plan.inserts.get(name, {}).get(key)
            if planned is None:
                planned = self.plan.updates.setdefault(name, {}).setdefault(key, {})
            planned.update(row)
        for table, found in self.gone:
            self.plan.known.forget(table, found)
            self.plan.deletes.setdefault(table.name, {})[found.key] = None

    def _find(self, table: RecordTable, company_id: int | None, row: Row) -> Found | None:
        return self.fresh.find(table, company_id, row) or self.plan.known.find(
            table, company_id, row
        )

    def _check_natural(
        self, table: RecordTable, company_id: int | None, row: Row, found: Found | None
    ) -> None:
        other = self.fresh.other(table, company_id, row) or self.plan.known.other(
            table, company_id, row
        )
        if other is not None and other is not found:
            names = " and ".join(column for column in table.natural if column != table.company)
            raise RefusedError(f'"{table.name}" has another row with this {names}')

    def _check_parents(self, table: RecordTable, company_id: int | None, row: Row) -> None:
        if table.company and company_id is not None:
            self._check_parent(table.company, "Companies", None, company_id)
        for parent in table.parents:
            of_company = company_id if tables()[parent.table].company else None
            self._check_parent(parent.column, parent.table, of_company, row.get(parent.column))

    def _check_parent(
        self, column: str, table: str, company_id: int | None, parent_id: int | None
    ) -> None:
        named = (table, company_id, parent_id)
        known = named in self.fresh.parents or named in self.plan.known.parents
        if parent_id is not None and not known:
            raise RefusedError(f'{column}: "{table}" has no row {parent_id}')

    def _insert(self, table: RecordTable, asked: Asked, row: Row) -> Key:
        if table.has_id and "id" in row:
            raise RefusedError(f'"{table.name}" has no row {row["id"]}; a new one has no id yet')
        if missing := [column for column in table.wanted if row.get(column) is None]:
            raise RefusedError(f'a new row of "{table.name}" needs {", ".join(missing)}')
        if table.has_id:
            row["id"] = next(self.plan.ids[table.name])
        key = tuple(row[column] for column in table.key)
        if table.company:
            row[table.company] = asked.company_id
        found = self.fresh.add_new(table, asked.company_id, key, row)
        self.new[table.name, key] = (found, row)
        self.granted.inserted[table.name, key] = None
        return key

    def _update(self, table: RecordTable, found: Found, row: Row) -> Key:
        place = (table.name, found.key)
        if place in self.new:
            self.new[place][1].update(row)
        else:
            self.changed.setdefault(place, (found.company_id, {}))[1].update(row)
            self.granted.updated[place] = None
        return found.key

    def _take_room(self) -> None:
        wanted = Counter((name, found.company_id) for (name, _), (found, _) in self.new.items())
        limited = {place: more for place, more in wanted.items() if place in self.plan.room}
        for place, more in limited.items():
            if more > (left := self.plan.room[place]):
                raise RefusedError(f"the company's plan allows {left} more {LIMITED[place[0]]}")
        for place, more in limited.items():
            self.plan.room[place] -= more


def decide(plan: Plan, batch: Iterable[tuple[RecordRequest, Sequence[Asked]]], *, to: str) -> None:
    """Grant or refuse requests `to` save or delete; a later one sees what an earlier one did."""
    for request, rows in batch:
        draft = _Draft(plan, Granted(request))
        place: int | None = None
        try:
            for asked in rows:
                place = asked.place
                draft.save(asked) if to == "save" else draft.delete(asked)
            place = None
            draft.take()
        except (RefusedError, UnfitRowError) as refusal:
            plan.answers.append(Refused(request, str(refusal), place))
        else:
            plan.answers.append(draft.granted)


def _takes_much(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in sorted(names) if name in PURGED)


def _owned(owner: str, asked: Asked) -> RecordTable:
    table = asked.table
    if table is None:
        raise RefusedError(f'there is no table "{quoted(asked.named)}"')
    if table.owner != owner:
        raise RefusedError(f'"{table.name}" is asked about on {table.owner}.requests')
    if table.company is None and not asked.is_platforms:
        raise RefusedError(f'"{table.name}" is the platform\'s: it is asked about as company 0')
    if table.company is not None and asked.company_id is None and not table.is_shared:
        raise RefusedError(f'a row of "{table.name}" needs {table.company}')
    return table


def _own_columns(table: RecordTable, asked: Asked) -> Row:
    """Leave the company out, which the request has named already."""
    unknown = next((name for name, value in asked.row.items() if value is UNKNOWN), None)
    if unknown:
        raise RefusedError(f"{unknown} points to a row that is not named before it")
    if table.company in asked.row and asked.row[table.company] != asked.company_id:
        raise RefusedError(f"{table.company} is not that of the request")
    return {name: value for name, value in asked.row.items() if name != table.company}


def _unlike(table: RecordTable, row: Row, found: Found) -> Row:
    """Leave out by which columns a row was found, for they say what it is already."""
    known = dict(zip(table.natural, found.natural, strict=False))
    return {c: v for c, v in row.items() if c not in known or known[c] != v}
