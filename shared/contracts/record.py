"""Facts about rows that were saved or deleted on request; "record" here means a row."""

from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import BACK_OFFICE, Event, Moment, Roles, Token
from shared.contracts.members import Actor, Ignored

Key = dict[str, Any]  # the columns of a primary key; their types are of the table


class RecordChanged(Event):
    """An answer to a request about rows, by the service that owns the table."""

    topic: ClassVar[str] = "record.changed"
    ours_alone: ClassVar[bool] = True

    writers: ClassVar[Roles] = ("tickets", "messages", "contacts", "campaigns")
    readers: ClassVar[Roles] = (BACK_OFFICE,)

    table: Token
    """The table that the request named."""
    request_id: Token
    """`requestId` of the request that this answers."""
    actor: Actor | None = None
    at: Moment
    """The time of the change, ISO 8601 with zone."""
    ignored: Ignored | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.table}"


class RecordSaved(RecordChanged):
    """Rows were saved."""

    type: ClassVar[str] = "record.saved"

    inserted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    """Primary keys of the new rows, by table."""
    updated: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    """Primary keys of the changed rows, by table."""


class RecordDeleted(RecordChanged):
    """Rows were deleted; for a purge, with all rows that depended on them."""

    type: ClassVar[str] = "record.deleted"

    deleted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    """Primary keys by table; rows that did not exist are not listed."""
    removed: dict[str, int] = Field(default_factory=dict)
    """Of a purge: deleted dependent rows by table, cleared references by `table.column`."""


class PurgeBegun(RecordChanged):
    """The deletion of rows with all dependent rows has begun; `record.deleted` ends it."""

    type: ClassVar[str] = "purge.begun"

    rows: int
    """The number of rows that the request named."""


class PurgeProgressed(RecordChanged):
    """A service has finished these tables: rows deleted, or references cleared."""

    type: ClassVar[str] = "purge.progressed"

    service: Token
    """The service that owns the tables."""
    removed: dict[str, int]
    """Deleted rows by table, cleared references by `table.column`."""


class RecordRefused(RecordChanged):
    """No row of the request took effect."""

    type: ClassVar[str] = "record.refused"

    reason: str
    """A sentence for the author of the request."""
    row: int | None = None
    """Index of the row in `rows` that is refused, from 0; absent if it is about all."""
