"""Rows of other tables that a row of a list shows, each read by its key for the rows shown."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Named:
    """A user, queue, line or tag: its id and its name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class NamedContact:
    """A contact: its id, name and number."""

    id: int
    name: str
    number: str | None


# By relation: the table, and the column of a ticket that names its row.
PARENTS: Final = {
    "contact": ("Contacts", "contactId"),
    "user": ("Users", "userId"),
    "queue": ("Queues", "queueId"),
    "line": ("Whatsapps", "whatsappId"),
}


def build_selected(relation: str) -> str:
    """Return the columns of a relation, for the SELECT of a statement that joins it."""
    if relation == "tags":
        return "tags.ids AS tags__ids, tags.names AS tags__names"
    columns = ("id", "name", "number") if relation == "contact" else ("id", "name")
    return ", ".join(f'"{relation}".{column} AS {relation}__{column}' for column in columns)


def build_join(relation: str, of: str) -> str:
    """Return the join of a relation to the ticket rows called `of`.

    LIMIT keeps the planner at one look-up by the primary key for each row shown: without
    statistics it would rather read all rows of the company and join them.
    """
    if relation == "tags":
        return f"""CROSS JOIN LATERAL (
  SELECT array_agg(g.id ORDER BY g.name, g.id) AS ids,
         array_agg(g.name ORDER BY g.name, g.id) AS names
  FROM (SELECT w."tagId" FROM "TicketTags" w
        WHERE w."companyId" = {of}."companyId" AND w."ticketId" = {of}.id LIMIT 1000) AS w
  CROSS JOIN LATERAL (SELECT g.id, g.name FROM "Tags" g
                      WHERE g."companyId" = {of}."companyId" AND g.id = w."tagId" LIMIT 1) AS g
) AS tags"""
    table, column = PARENTS[relation]
    number = ", r.number" if relation == "contact" else ""
    return f"""LEFT JOIN LATERAL (
  SELECT r.id, r.name{number} FROM "{table}" r
  WHERE r."companyId" = {of}."companyId" AND r.id = {of}."{column}" LIMIT 1
) AS "{relation}" ON TRUE"""


def read_relation(relation: str, row: Row[Any]) -> Named | NamedContact | tuple[Named, ...] | None:
    """Return what `build_selected` selected: one row, None if there is none, or all tags."""
    found = row._mapping  # noqa: SLF001 - its public name for rows by column
    if relation == "tags":
        pairs = zip(found["tags__ids"] or (), found["tags__names"] or (), strict=True)
        return tuple(Named(*pair) for pair in pairs)
    if found[f"{relation}__id"] is None:
        return None
    named = (found[f"{relation}__id"], found[f"{relation}__name"])
    return (
        NamedContact(*named, found["contact__number"]) if relation == "contact" else Named(*named)
    )
