"""Decides what registering lines changes, and which rows cannot be registered. No database."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared.cli.line_csv import LineRow, Problem

ConnectionKey = tuple[str, str, str]  # gateway, server, instance


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line that is registered; `is_leaving` while it is being deleted."""

    company_id: int
    whatsapp_id: int
    name: str
    is_leaving: bool


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A row of "GatewayConnections"."""

    id: int
    gateway: str
    server: str
    instance: str
    portfolio: str | None
    company_id: int
    whatsapp_id: int

    @property
    def key(self) -> ConnectionKey:
        """What is unique among all companies."""
        return (self.gateway, self.server, self.instance)


@dataclass(frozen=True)
class Stored:
    """What the rows of a file may meet: companies with the lines that their plans leave room for.

    The room is None without a limit.
    """

    room: Mapping[int, int | None]
    lines: Sequence[StoredLine]
    connections: Sequence[StoredConnection]

    @cached_property
    def by_id(self) -> Mapping[int, StoredLine]:
        """The lines by id."""
        return {line.whatsapp_id: line for line in self.lines}

    @cached_property
    def by_name(self) -> Mapping[tuple[int, str], StoredLine]:
        """The lines by company and name."""
        return {(line.company_id, line.name): line for line in self.lines}

    def find_line(self, row: LineRow) -> StoredLine | None:
        """Return the line of a row: by its id if it names one, else by its company and name."""
        if row.whatsapp_id is not None:
            return self.by_id.get(row.whatsapp_id)
        return self.by_name.get((row.company_id, row.name))


@dataclass(slots=True)
class Plan:
    """Rows to write; a connection with the id 0 is new."""

    rows: list[LineRow] = field(default_factory=list)
    new: list[LineRow] = field(default_factory=list)
    connections: list[tuple[LineRow, StoredConnection]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def list_connections(row: LineRow) -> Iterator[tuple[str, ConnectionKey]]:
    """Yield the connections of a row, its own first, each with the column that names it."""
    if row.instance:
        yield "instance", (row.gateway, row.server, row.instance)
    for alias in row.aliases:
        yield "aliases", (row.gateway, row.server, alias)


def plan_registration(rows: Sequence[LineRow], stored: Stored) -> Plan:
    """Plan to insert what is missing and change what differs; a repetition plans nothing.

    `rows` of the plan have the ids of lines that exist.
    """
    plan = Plan(problems=list(_find_repeated(rows)))
    owners = {connection.key: connection for connection in stored.connections}
    of_line: defaultdict[int, list[StoredConnection]] = defaultdict(list)
    for connection in sorted(stored.connections, key=lambda connection: connection.id):
        of_line[connection.whatsapp_id].append(connection)
    for row in rows:
        line = stored.find_line(row)
        if problem := _check_line(row, line, stored):
            plan.problems.append(problem)
            continue
        known = replace(row, whatsapp_id=line.whatsapp_id) if line else row
        plan.problems += _find_taken(known, line, owners)
        plan.rows.append(known)
        if line is None:
            plan.new.append(known)
        own = of_line[line.whatsapp_id] if line else []
        plan.connections += [(known, connection) for connection in _plan_connections(known, own)]
    plan.problems += _find_without_room(plan.new, stored.room)
    return plan


def _check_line(row: LineRow, line: StoredLine | None, stored: Stored) -> Problem | None:
    if row.company_id not in stored.room:
        return Problem(row.number, "company", f"there is no company {row.company_id}")
    if line is None:
        return _check_name(row, stored)
    if line.company_id != row.company_id:
        return Problem(row.number, "line", f"line {line.whatsapp_id} is of another company")
    if line.is_leaving:
        return Problem(row.number, "line", f"line {line.whatsapp_id} is being deleted")
    if line.name != row.name:
        text = f"line {line.whatsapp_id} is called {line.name}: rename it with `chatia record save`"
        return Problem(row.number, "name", text)
    return None


def _check_name(row: LineRow, stored: Stored) -> Problem | None:
    """Return the problem of a new line whose name another line of its company has."""
    if other := stored.by_name.get((row.company_id, row.name)):
        text = f"line {other.whatsapp_id} of the company has this name: choose another one"
        return Problem(row.number, "name", text)
    return None


def _find_taken(
    row: LineRow, line: StoredLine | None, owners: Mapping[ConnectionKey, StoredConnection]
) -> Iterator[Problem]:
    for column, key in list_connections(row):
        owner = owners.get(key)
        if owner is not None and (line is None or owner.whatsapp_id != line.whatsapp_id):
            text = (
                f"{_describe(key)} is connected to line {owner.whatsapp_id} of company "
                f"{owner.company_id}: name another one, or give that line another one first"
            )
            yield Problem(row.number, column, text)


def _plan_connections(row: LineRow, own: Sequence[StoredConnection]) -> Iterator[StoredConnection]:
    """Yield the connections to write: the line's first one is changed, others are added."""
    by_key = {connection.key: connection for connection in own}
    for column, key in list_connections(row):
        known = by_key.get(key)
        if known is None and column == "instance" and own:
            known = by_key.pop(own[0].key)  # its former name may become an alias
        portfolio = row.portfolio or (known.portfolio if known else None)
        wanted = StoredConnection(
            known.id if known else 0, *key, portfolio, row.company_id, row.whatsapp_id or 0
        )
        if wanted != known:
            yield wanted


def _find_repeated(rows: Sequence[LineRow]) -> Iterator[Problem]:
    """Yield the rows that name what an earlier row of the file names."""
    seen: dict[Hashable, int] = {}
    for row in rows:
        keys: list[tuple[str, Hashable]] = [("name", (row.company_id, row.name))]
        if row.whatsapp_id is not None:
            keys.append(("line", row.whatsapp_id))
        keys += list_connections(row)
        for column, key in keys:
            if (first := seen.setdefault((column == "name", key), row.number)) != row.number:
                yield Problem(row.number, column, f"line {first} of the file has the same")


def _find_without_room(new: Sequence[LineRow], room: Mapping[int, int | None]) -> Iterator[Problem]:
    counts: defaultdict[int, int] = defaultdict(int)
    for row in new:
        counts[row.company_id] += 1
        left = room[row.company_id]
        if left is not None and counts[row.company_id] > left:
            text = f"the company's plan allows {left} more lines: change its plan first"
            yield Problem(row.number, "company", text)


def _describe(key: ConnectionKey) -> str:
    gateway, server, instance = key
    return f"{instance} of {gateway} at {server or 'any server'}"
