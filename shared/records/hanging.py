"""What hangs on a row that is deleted, and in which order it goes: read off the foreign keys.

No clock, no database. Children go before their parents, so that no parent's deletion ever takes
many rows along at once; foreign-key actions remain for what comes in between.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from sqlalchemy import ForeignKeyConstraint, Table

from shared.db.purged import PURGED
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES, base, metadata

COMPANY: Final = "Companies"
# The key, as the net beneath, would only forget the ticket; but nobody asks for its stamps then.
GO_ALONG: Final = {("TicketTraking", "ticketId")}
# In these every service has rows of its own.
LAST: Final = ("Requests", "DeadLetters", "Quarantines", "Checkpoints")


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows hang on those of `parent` by `column`."""

    column: str
    parent: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one service does with rows of one table: `delete`, `close`, or `forget` their parent.

    They are those that hang by any of the branches; without any they are the company's, or those
    that the purge is about. `after` are the steps that come before.
    """

    name: str
    table: str
    owner: str
    branches: tuple[Branch, ...] = ()
    what: Literal["delete", "forget", "close"] = "delete"
    after: frozenset[str] = frozenset()

    @property
    def is_by_function(self) -> bool:
        """Whether the owner may not delete such rows by itself."""
        return self.table in PURGED and self.what == "delete"


@cache
def steps_of(root: str) -> tuple[Step, ...]:
    """Give the steps that delete rows of a table with all that hangs on them, children first."""
    before = tuple(_of_companies() if root == COMPANY else _of_rows(root))
    if root == "Tickets":
        # From then on messages of the same chat get another ticket.
        closed = Step("Tickets closed", root, OWNERS[root], what="close")
        before = (closed, *(replace(step, after=step.after | {closed.name}) for step in before))
    last = Step(root, root, OWNERS[root], after=frozenset(step.name for step in before))
    return (*before, last)


def ready(root: str, done: Collection[str], service: str) -> Step | None:
    """Give the first step that a service may do now."""
    waiting = (step for step in steps_of(root) if step.owner == service and step.name not in done)
    return next((step for step in waiting if step.after <= set(done)), None)


def company_column(table: str) -> str | None:
    """Name the column that says whose a row is; a company is its own."""
    return "id" if table == COMPANY else base.company_column(metadata.tables[table])


def _of_companies() -> Iterator[Step]:
    named: list[str] = []
    for table in _children_first():
        if table.name == COMPANY or OWNERS[table.name] == EVERY_SERVICE:
            continue
        if company_column(table.name) is not None:
            after = frozenset(set(_children(table.name)) & set(named))
            named.append(table.name)
            yield Step(table.name, table.name, OWNERS[table.name], after=after)
    # New records are refused until the end, and each refusal leaves a dead letter.
    for name in LAST:
        for service in SERVICES:
            yield Step(f"{name} of {service}", name, service, after=frozenset(named))


def _of_rows(root: str) -> Iterator[Step]:
    closure = _closure(root)
    forgotten = {(c, b): None for p in (*closure, root) for c, b in _forgetting(p)}
    named = set(closure) | {_forgets(child, branch) for child, branch in forgotten}
    for child, branch in forgotten:
        # Those that are deleted anyway need not forget first.
        after = frozenset({child} & closure.keys())
        name = _forgets(child, branch)
        yield Step(name, child, OWNERS[child], (branch,), "forget", after)
    for table in _children_first():
        if table.name in closure:
            children = set(_children(table.name)) & closure.keys()
            memories = {_forgets(c, b) for c, b in _forgetting(table.name)}
            after = frozenset((children | memories) & named - {table.name})
            branches = closure[table.name]
            yield Step(table.name, table.name, OWNERS[table.name], branches, after=after)


def _closure(root: str) -> dict[str, tuple[Branch, ...]]:
    """Name the tables whose rows go with a row of this one, and by which columns each hangs."""
    found: dict[str, tuple[Branch, ...]] = {}
    for table in reversed(list(_children_first())):
        branches = tuple(
            Branch(_column(key), key.referred_table.name)
            for key in _keys(table)
            if _takes_along(key)
            and key.referred_table.name not in {table.name, COMPANY}
            and key.referred_table.name in {root, *found}
        )
        if branches and table.name != root:
            found[table.name] = branches
    return found


def _forgetting(parent: str) -> Iterator[tuple[str, Branch]]:
    """Name what is set to NULL when rows of a table go; a table's own rows are left to the key."""
    for table in metadata.sorted_tables:
        for key in _keys(table):
            if key.referred_table.name == parent != table.name and not _takes_along(key):
                yield table.name, Branch(_column(key), parent)


def _children(parent: str) -> Iterator[str]:
    """Name the tables that point to one, but by the keys that close a circle."""
    for table in metadata.sorted_tables:
        keys: Iterable[ForeignKeyConstraint] = (k for k in _keys(table) if not k.use_alter)
        if any(key.referred_table.name == parent != table.name for key in keys):
            yield table.name


def _children_first() -> Iterator[Table]:
    yield from reversed(metadata.sorted_tables)


def _keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: tuple(key.column_keys))


def _takes_along(key: ForeignKeyConstraint) -> bool:
    return key.ondelete == "CASCADE" or (key.table.name, _column(key)) in GO_ALONG


def _column(key: ForeignKeyConstraint) -> str:
    return next(name for name in reversed(key.column_keys))


def _forgets(table: str, branch: Branch) -> str:
    return f"{table}.{branch.column}"
