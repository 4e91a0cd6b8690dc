"""What became of rows that the back office asked to be saved or deleted."""

from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Moment, Name, Token

Key = dict[str, Any]  # the columns of a primary key


class RecordChanged(Event):
    """The answer to a request about rows: who asked, and when it took effect."""

    topic: ClassVar[str] = "record.changed"
    ours_alone: ClassVar[bool] = True

    table: Token
    request_id: Token
    actor: Name | None = None
    at: Moment

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.table}"


class RecordSaved(RecordChanged):
    """Rows are as was asked: `inserted` and `updated` name them by table and primary key."""

    type: ClassVar[str] = "record.saved"

    inserted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    updated: dict[str, tuple[Key, ...]] = Field(default_factory=dict)


class RecordDeleted(RecordChanged):
    """Rows are there no more, by table and primary key; those that were not there are not named.

    Where much hung on them, `removed` counts the rows that went along by table, and those that
    forgot them by `table.column`.
    """

    type: ClassVar[str] = "record.deleted"

    deleted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    removed: dict[str, int] = Field(default_factory=dict)


class PurgeBegun(RecordChanged):
    """So many rows are being deleted with all that hangs on them; `record.deleted` is the end."""

    type: ClassVar[str] = "purge.begun"

    rows: int


class PurgeProgressed(RecordChanged):
    """A service is through with these tables: rows that it deleted, or that forgot their parent."""

    type: ClassVar[str] = "purge.progressed"

    service: Token
    removed: dict[str, int]


class RecordRefused(RecordChanged):
    """No row of the request took effect; `reason` is a sentence, `row` the place of the row."""

    type: ClassVar[str] = "record.refused"

    reason: str
    row: int | None = None
