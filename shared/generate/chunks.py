"""Chunks of rows, and the ids of the next rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from shared.generate.rows import TABLES, MessageRow


class GroupState(NamedTuple):
    """What the last messages of a group made of its ticket."""

    company_id: int
    ticket_id: int
    unread: int
    last_message: str
    from_me: bool
    updated_at: datetime


@dataclass(slots=True)
class Chunk:
    """Rows that are inserted together, and tickets of groups to update after them."""

    rows: dict[type[Any], list[Any]] = field(default_factory=lambda: {kind: [] for kind in TABLES})
    groups: list[GroupState] = field(default_factory=list)

    def add(self, row: Any) -> None:  # noqa: ANN401 - a row of any table
        """Add a row."""
        self.rows[type(row)].append(row)

    @property
    def messages(self) -> int:
        """Return the number of messages."""
        return len(self.rows[MessageRow])


class Ids:
    """Gives each new row an id, from those that a database has on."""

    def __init__(self, last: Mapping[str, int]) -> None:
        self._last = {kind: last.get(table, 0) for kind, table in TABLES.items()}

    def get_last(self, kind: type[Any]) -> int:
        """Return the last id that was given."""
        return self._last[kind]

    def take(self, kind: type[Any]) -> int:
        """Return the id of the next row of a table."""
        self._last[kind] += 1
        return self._last[kind]
