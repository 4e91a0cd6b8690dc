"""Facts about rows that were saved or deleted on request; "record" here means a row."""

from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Moment, Name, Token

Key = dict[str, Any]  # the columns of a primary key; their types are of the table


class RecordChanged(Event):
    """Base class of answers to requests about rows; `at` is the time of the change."""

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
    """Rows were saved; `inserted` and `updated` name them by table and primary key."""

    type: ClassVar[str] = "record.saved"

    inserted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    updated: dict[str, tuple[Key, ...]] = Field(default_factory=dict)


class RecordDeleted(RecordChanged):
    """Rows were deleted, by table and primary key; rows that did not exist are not listed.

    For a purge, `removed` counts the dependent rows that were deleted by table, and those whose
    reference was cleared by `table.column`.
    """

    type: ClassVar[str] = "record.deleted"

    deleted: dict[str, tuple[Key, ...]] = Field(default_factory=dict)
    removed: dict[str, int] = Field(default_factory=dict)


class PurgeBegun(RecordChanged):
    """The deletion of rows with all dependent rows has begun; `record.deleted` ends it."""

    type: ClassVar[str] = "purge.begun"

    rows: int


class PurgeProgressed(RecordChanged):
    """A service has finished these tables: rows deleted, or references cleared."""

    type: ClassVar[str] = "purge.progressed"

    service: Token
    removed: dict[str, int]


class RecordRefused(RecordChanged):
    """No row of the request took effect; `reason` is a sentence, `row` the index of the row."""

    type: ClassVar[str] = "record.refused"

    reason: str
    row: int | None = None
