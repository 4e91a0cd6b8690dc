"""Decides what registering lines changes, and which rows cannot be registered. No database."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared.cli.line_csv import LineRow, Problem
from shared.gateways.senders.registry import SENDERS

ConnectionKey = tuple[str, str, str]  # gateway, server, instance


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line that is registered; `is_leaving` while it is being deleted.

    `interval_ms` is None without a send rate of its own.
    """

    company_id: int
    whatsapp_id: int
    name: str
    is_leaving: bool
    interval_ms: int | None = None


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


@dataclass(frozen=True, slots=True)
class Change:
    """What a row changes about a line that exists: `old` or `new` is empty if there is none."""

    number: int
    column: str
    old: str
    new: str


@dataclass(slots=True)
class Plan:
    """Rows to write; a connection with the id 0 is new.

    `silenced` are the rows whose lines have a server now and none afterwards, though workers send
    for their gateway.
    """

    rows: list[LineRow] = field(default_factory=list)
    new: list[LineRow] = field(default_factory=list)
    connections: list[tuple[LineRow, StoredConnection]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    silenced: list[LineRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def list_connections(row: LineRow) -> Iterator[tuple[str, ConnectionKey]]:
    """Yield the connections of a row, its own first, each with the column that names it.

    Without a gateway and a server that can be read there are none.
    """
    if row.unread & {"gateway", "server"}:
        return
    if row.instance:
        yield "instance", (row.gateway, row.server, row.instance)
    for alias in row.aliases:
        yield "aliases", (row.gateway, row.server, alias)


def plan_registration(rows: Sequence[LineRow], stored: Stored) -> Plan:
    """Plan to insert what is missing and change what differs; a repetition plans nothing.

    `rows` of the plan have the ids of lines that exist. Of rows with bad cells, which the caller
    refuses, the other cells are checked.
    """
    plan = Plan(problems=list(_find_repeated(rows)))
    owners = {connection.key: connection for connection in stored.connections}
    of_line: defaultdict[int, list[StoredConnection]] = defaultdict(list)
    for connection in sorted(stored.connections, key=lambda connection: connection.id):
        of_line[connection.whatsapp_id].append(connection)
    for row in rows:
        line = stored.find_line(row)
        known = replace(row, whatsapp_id=line.whatsapp_id) if line else row
        plan.problems += [*_check_line(row, line, stored), *_find_taken(row, line, owners)]
        plan.rows.append(known)
        if line is None and _names_line(row):
            plan.new.append(known)
        _add_connections(plan, known, line, of_line[line.whatsapp_id] if line else [])
    plan.problems += _find_without_room(plan.new, stored.room)
    return plan


def _check_line(row: LineRow, line: StoredLine | None, stored: Stored) -> Iterator[Problem]:
    is_company_known = row.company_id in stored.room
    if not is_company_known and "company" not in row.unread:
        yield Problem(row.number, "company", f"there is no company {row.company_id}")
    if line is not None and is_company_known:
        if line.company_id != row.company_id:
            yield Problem(row.number, "line", f"line {line.whatsapp_id} is of another company")
        elif line.is_leaving:
            yield Problem(row.number, "line", f"line {line.whatsapp_id} is being deleted")
    if text := _check_name(row, line, stored):
        yield Problem(row.number, "name", text)


def _check_name(row: LineRow, line: StoredLine | None, stored: Stored) -> str:
    """Return what is wrong with the name of a row, if anything is."""
    if "name" in row.unread:
        return ""
    other = stored.by_name.get((row.company_id, row.name))
    if other is not None and other != line:
        return f"line {other.whatsapp_id} of the company has this name: choose another one"
    if line is not None and line.company_id == row.company_id and line.name != row.name:
        return f"line {line.whatsapp_id} is called {line.name}: rename it with `chatia record save`"
    return ""


def _names_line(row: LineRow) -> bool:
    """Return whether the cells say which line a row is about, be it a new one."""
    naming = {"company", "line"} if row.whatsapp_id else {"company", "line", "name"}
    return not row.unread & naming


def _find_taken(
    row: LineRow, line: StoredLine | None, owners: Mapping[ConnectionKey, StoredConnection]
) -> Iterator[Problem]:
    if line is None and not row.whatsapp_id and row.unread & {"company", "name"}:
        return  # it may be the line that has the instance
    for column, key in list_connections(row):
        owner = owners.get(key)
        if owner is not None and (line is None or owner.whatsapp_id != line.whatsapp_id):
            text = (
                f"{_describe(key)} is connected to line {owner.whatsapp_id} of company "
                f"{owner.company_id}: name another one, or give that line another one first"
            )
            yield Problem(row.number, column, text)


def _add_connections(
    plan: Plan, row: LineRow, line: StoredLine | None, own: Sequence[StoredConnection]
) -> None:
    """Add the connections of a row to a plan, and what changes with them."""
    planned = list(_plan_connections(row, own))
    plan.connections += [(row, wanted) for _, _, wanted in planned]
    if line is None:
        return
    changes = [change for each in planned for change in _list_changes(row.number, *each)]
    if row.interval_ms not in {None, line.interval_ms}:
        old, new = _format(line.interval_ms), _format(row.interval_ms)
        changes.append(Change(row.number, "interval_ms", old, new))
    plan.changes += dict.fromkeys(changes)
    written = [wanted for _, _, wanted in planned]
    ids = {wanted.id for wanted in written}
    after = [each for each in own if each.id not in ids] + written
    if _has_server(own) and not _has_server(after) and any(c.gateway in SENDERS for c in after):
        plan.silenced.append(row)


def _list_changes(
    number: int, column: str, known: StoredConnection | None, wanted: StoredConnection
) -> Iterator[Change]:
    if known is None and column == "aliases":
        yield Change(number, column, "", wanted.instance)
        return
    for name in ("gateway", "server", "instance", "portfolio"):
        old, new = _format(getattr(known, name, None)), _format(getattr(wanted, name))
        if old != new:
            yield Change(number, name, old, new)


def _has_server(connections: Sequence[StoredConnection]) -> bool:
    """Return whether a line has a connection that workers send by."""
    return any(each.server and each.gateway in SENDERS for each in connections)


def _format(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _plan_connections(
    row: LineRow, own: Sequence[StoredConnection]
) -> Iterator[tuple[str, StoredConnection | None, StoredConnection]]:
    """Yield the connections to write, each with its column and what it is now.

    The line's first one is changed, others are added.
    """
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
            yield column, known, wanted


def _find_repeated(rows: Sequence[LineRow]) -> Iterator[Problem]:
    """Yield the rows that name what an earlier row of the file names."""
    seen: dict[Hashable, int] = {}
    for row in rows:
        keys: list[tuple[str, Hashable]] = []
        if not row.unread & {"company", "name"}:
            keys.append(("name", (row.company_id, row.name)))
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
        left = room.get(row.company_id)
        if left is not None and counts[row.company_id] > left:
            text = f"the company's plan allows {left} more lines: change its plan first"
            yield Problem(row.number, "company", text)


def _describe(key: ConnectionKey) -> str:
    gateway, server, instance = key
    return f"{instance} of {gateway} at {server or 'any server'}"
