"""The steps of a purge, derived from the foreign keys: what is deleted with a row, in which order.

Pure; `purge_runner.py` runs them. Children are deleted before their parents, so that deleting a
parent never cascades to many rows in one statement; foreign-key actions remain for rows that are
added meanwhile.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from sqlalchemy import ForeignKeyConstraint, Table

from shared.db.purged import PURGED_TABLES
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES, base, metadata

COMPANY: Final = "Companies"
# These foreign keys set NULL, but a purge deletes the rows: they are useless without their ticket.
DELETED_WITH_PARENT: Final = {("TicketTraking", "ticketId")}
# Every service has rows of its own in these.
TABLES_OF_EVERY_SERVICE: Final = ("Requests", "DeadLetters", "Quarantines", "Checkpoints")


@dataclass(frozen=True, slots=True)
class Branch:
    """A foreign key by which rows depend on rows of `parent`."""

    column: str
    parent: str


@dataclass(frozen=True, slots=True)
class PurgeStep:
    """The work of one service on rows of one table: delete, close, or set a column to NULL.

    Its rows are those that depend by any of the branches; without branches, those of the company,
    or those that the purge is about. `after` names the steps that must be done before it.
    """

    name: str
    table: str
    owner: str
    branches: tuple[Branch, ...] = ()
    action: Literal["delete", "forget", "close"] = "delete"
    after: frozenset[str] = frozenset()

    @property
    def is_by_function(self) -> bool:
        """Return whether only purge_rows() may delete such rows, and the owner may not."""
        return self.table in PURGED_TABLES and self.action == "delete"


@cache
def build_steps(root: str) -> tuple[PurgeStep, ...]:
    """Return the steps that delete rows of a table with all that depends on them, in order."""
    before = tuple(_build_company_steps() if root == COMPANY else _build_row_steps(root))
    if root == "Tickets":
        # Messages of the same chat then open another ticket.
        close = PurgeStep("Tickets closed", root, OWNERS[root], action="close")
        before = (close, *(replace(step, after=step.after | {close.name}) for step in before))
    last = PurgeStep(root, root, OWNERS[root], after=frozenset(step.name for step in before))
    return (*before, last)


def find_next_step(root: str, done: Collection[str], service: str) -> PurgeStep | None:
    """Return the first step that a service may run now, None if it has to wait or is done."""
    left = (step for step in build_steps(root) if step.owner == service and step.name not in done)
    return next((step for step in left if step.after <= set(done)), None)


def count_by_table(root: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts of deleted rows by table, and of references set to NULL by `table.column`."""
    by_table: Counter[str] = Counter()
    for step in build_steps(root):
        if step.action == "close" or step.table == "Checkpoints" or step.name not in counts:
            continue
        by_table[step.name if step.action == "forget" else step.table] += counts[step.name]
    return dict(by_table)


def list_changing_children(table: str) -> list[tuple[str, str]]:
    """Return the tables with a time of change whose rows depend on a row, and their columns."""
    return [
        (child.name, _get_column(key))
        for child in metadata.sorted_tables
        for key in _list_foreign_keys(child)
        if key.referred_table.name == table and OWNERS[child.name] == OWNERS[table]
        if "updatedAt" in child.columns
    ]


def begins_an_index(table: str, column: str) -> bool:
    """Return whether an index begins with a column; other ids are found with their company."""
    mapped = metadata.tables[table]
    firsts = [next(iter(index.columns), None) for index in mapped.indexes]
    firsts.append(next(iter(mapped.primary_key.columns), None))
    return any(first is not None and first.name == column for first in firsts)


def find_company_id_column(table: str) -> str | None:
    """Return the column that holds the company of a row: of a company, its own id."""
    return "id" if table == COMPANY else base.find_company_column(metadata.tables[table])


def _build_company_steps() -> Iterator[PurgeStep]:
    names: list[str] = []
    for table in _list_children_first():
        if table.name == COMPANY or OWNERS[table.name] == EVERY_SERVICE:
            continue
        if find_company_id_column(table.name) is not None:
            after = frozenset(set(_list_children(table.name)) & set(names))
            names.append(table.name)
            yield PurgeStep(table.name, table.name, OWNERS[table.name], after=after)
    # Last, because records are rejected until the end, and each leaves a dead letter.
    for name in TABLES_OF_EVERY_SERVICE:
        for service in SERVICES:
            yield PurgeStep(f"{name} of {service}", name, service, after=frozenset(names))


def _build_row_steps(root: str) -> Iterator[PurgeStep]:
    deleted = _find_deleted(root)
    forgetting = {(c, b): None for p in (*deleted, root) for c, b in _list_forgetting(p)}
    names = set(deleted) | {_name_forgetting(child, branch) for child, branch in forgetting}
    for child, branch in forgetting:
        # Rows of the child that are deleted anyway are not updated before.
        after = frozenset({child} & deleted.keys())
        name = _name_forgetting(child, branch)
        yield PurgeStep(name, child, OWNERS[child], (branch,), "forget", after)
    for table in _list_children_first():
        if table.name in deleted:
            children = set(_list_children(table.name)) & deleted.keys()
            forgotten = {_name_forgetting(c, b) for c, b in _list_forgetting(table.name)}
            after = frozenset((children | forgotten) & names - {table.name})
            branches = deleted[table.name]
            yield PurgeStep(table.name, table.name, OWNERS[table.name], branches, after=after)


def _find_deleted(root: str) -> dict[str, tuple[Branch, ...]]:
    """Return the tables whose rows are deleted with a row of this one, with their branches."""
    deleted: dict[str, tuple[Branch, ...]] = {}
    for table in reversed(list(_list_children_first())):
        branches = tuple(
            Branch(_get_column(key), key.referred_table.name)
            for key in _list_foreign_keys(table)
            if _is_deleting(key)
            and key.referred_table.name not in {table.name, COMPANY}
            and key.referred_table.name in {root, *deleted}
        )
        if branches and table.name != root:
            deleted[table.name] = branches
    return deleted


def _list_forgetting(parent: str) -> Iterator[tuple[str, Branch]]:
    """Yield the tables and columns to set to NULL when rows of a table are deleted.

    Self-references are left to the foreign key's ON DELETE action.
    """
    for table in metadata.sorted_tables:
        for key in _list_foreign_keys(table):
            if key.referred_table.name == parent != table.name and not _is_deleting(key):
                yield table.name, Branch(_get_column(key), parent)


def _list_children(parent: str) -> Iterator[str]:
    """Yield the tables that reference a table, except keys that would form a cycle."""
    for table in metadata.sorted_tables:
        keys: Iterable[ForeignKeyConstraint] = (
            key for key in _list_foreign_keys(table) if not key.use_alter
        )
        if any(key.referred_table.name == parent != table.name for key in keys):
            yield table.name


def _list_children_first() -> Iterator[Table]:
    yield from reversed(metadata.sorted_tables)


def _list_foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: tuple(key.column_keys))


def _is_deleting(key: ForeignKeyConstraint) -> bool:
    return key.ondelete == "CASCADE" or (key.table.name, _get_column(key)) in DELETED_WITH_PARENT


def _get_column(key: ForeignKeyConstraint) -> str:
    """Return the last column: composite keys begin with the company."""
    return next(name for name in reversed(key.column_keys))


def _name_forgetting(table: str, branch: Branch) -> str:
    return f"{table}.{branch.column}"
