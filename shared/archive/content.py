"""Which rows an archive has: messages and tickets by their ids, and what is deleted with them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import JSON, ForeignKeyConstraint

from shared.db.policies import quote_name, quote_table
from shared.records.purge_steps import build_steps
from shared.schema import OWNERS, metadata

MESSAGES: Final = "Messages"
TICKETS: Final = "Tickets"


@dataclass(slots=True)
class Content:
    """The ids of the messages and tickets of one company and month."""

    company_id: int
    messages: Sequence[int] = ()
    tickets: set[int] = field(default_factory=set)

    def build_conditions(self) -> dict[str, str]:
        """Return the SQL condition of the rows of each table, parents first."""
        ids = {MESSAGES: _list_ids(self.messages), TICKETS: _list_ids(self.tickets)}
        found = {}
        for table in list_tables():
            columns = [("id", table)] if table in ids else list(_list_branches(table))
            chosen = " OR ".join(f"t.{quote_name(c)} = ANY({ids[parent]})" for c, parent in columns)
            found[table] = f't."companyId" = {self.company_id} AND ({chosen})'
        return found


def list_tables() -> list[str]:
    """Return the tables of an archive, parents first."""
    named = {TICKETS, MESSAGES}
    for root in (TICKETS, MESSAGES):
        named |= {
            step.table
            for step in build_steps(root)
            if step.action == "delete" and step.owner == OWNERS[root]
        }
    return [table.name for table in metadata.sorted_tables if table.name in named]


def build_select(table: str, columns: Iterable[str], condition: str) -> str:
    """Return the SELECT of rows as JSON, one line each.

    Values of the type json are written as text, because their spaces and line ends count.
    """
    listed = ", ".join(
        f"t.{quote_name(name)}::text AS {quote_name(name)}"
        if name in list_json_columns(table)
        else f"t.{quote_name(name)}"
        for name in columns
    )
    name = f"""'{{"table":"{table}","row":'"""
    row = f"SELECT {listed} FROM {quote_table(table)} t WHERE {condition}"  # noqa: S608 - our own names and numbers
    return f"SELECT {name} || row_to_json(r)::text || '}}' AS line FROM ({row}) AS r"  # noqa: S608 - see above


def list_json_columns(table: str) -> set[str]:
    """Return the columns of the type json, not jsonb."""
    return {
        column.name
        for column in metadata.tables[table].columns
        if type(column.type).__visit_name__ == JSON.__visit_name__
    }


def list_cleared_references(table: str) -> Iterator[tuple[str, str]]:
    """Yield (column, parent) of the references that become NULL when their parent is deleted."""
    for key in _list_keys(table):
        if (key.ondelete or "").startswith("SET NULL"):
            yield list(key.column_keys)[-1], key.referred_table.name


def _list_branches(table: str) -> Iterator[tuple[str, str]]:
    for root in (TICKETS, MESSAGES):
        for step in build_steps(root):
            if step.name == table and step.owner == OWNERS[root]:
                yield from (
                    (branch.column, branch.parent)
                    for branch in step.branches
                    if branch.parent == root
                )


def _list_keys(table: str) -> list[ForeignKeyConstraint]:
    return sorted(
        metadata.tables[table].foreign_key_constraints, key=lambda key: tuple(key.column_keys)
    )


def _list_ids(ids: Iterable[int]) -> str:
    return f"CAST('{{{','.join(map(str, sorted(ids)))}}}' AS int[])"
