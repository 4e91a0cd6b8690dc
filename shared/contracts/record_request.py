"""Requests of the back office to the owner of a table: save or delete rows."""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Request, Roles, Token
from shared.contracts.members import Actor

MOST_ROWS = 1_000  # of one request

Row = dict[str, Any]  # the types are those of the columns
Rows = Annotated[
    tuple[Row, ...], Field(min_length=1, max_length=MOST_ROWS, fail_fast=True, repr=False)
]


class RecordRequest(Request):
    """A request about rows of one company (0: the platform), applied completely or not at all.

    The answer is a fact on record.changed with the same `requestId`.
    """

    table: Token
    """The table of rows that name none in `$table`."""
    actor: Actor | None = None
    rows: Rows
    """Values by column; a row may name another table of the same owner in `$table`."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.table}"

    @property
    @override
    def asked_by(self) -> str | None:
        return self.actor


class RecordSave(RecordRequest):
    """Insert or update rows, found by id or natural key; only the given columns are written.

    Later rows can reference a row with a `$name`: `{"$ref": name}` is replaced by its id.
    """


class RecordDelete(RecordRequest):
    """Delete rows that are named by id, or by natural key."""


class TicketsRecordSave(RecordSave):
    """Rows of tables that the tickets service owns."""

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "record.save"
    readers: ClassVar[Roles] = ("tickets",)


class MessagesRecordSave(RecordSave):
    """Rows of tables that the messages service owns."""

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "record.save"
    readers: ClassVar[Roles] = ("messages",)


class ContactsRecordSave(RecordSave):
    """Rows of tables that the contacts service owns."""

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "record.save"
    readers: ClassVar[Roles] = ("contacts",)


class CampaignsRecordSave(RecordSave):
    """Rows of tables that the campaigns service owns."""

    topic: ClassVar[str] = "campaigns.requests"
    type: ClassVar[str] = "record.save"
    readers: ClassVar[Roles] = ("campaigns",)


class TicketsRecordDelete(RecordDelete):
    """Rows of tables that the tickets service owns."""

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "record.delete"
    readers: ClassVar[Roles] = ("tickets",)


class MessagesRecordDelete(RecordDelete):
    """Rows of tables that the messages service owns."""

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "record.delete"
    readers: ClassVar[Roles] = ("messages",)


class ContactsRecordDelete(RecordDelete):
    """Rows of tables that the contacts service owns."""

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "record.delete"
    readers: ClassVar[Roles] = ("contacts",)


class CampaignsRecordDelete(RecordDelete):
    """Rows of tables that the campaigns service owns."""

    topic: ClassVar[str] = "campaigns.requests"
    type: ClassVar[str] = "record.delete"
    readers: ClassVar[Roles] = ("campaigns",)


SAVES: dict[str, type[RecordSave]] = {
    "tickets": TicketsRecordSave,
    "messages": MessagesRecordSave,
    "contacts": ContactsRecordSave,
    "campaigns": CampaignsRecordSave,
}
DELETES: dict[str, type[RecordDelete]] = {
    "tickets": TicketsRecordDelete,
    "messages": MessagesRecordDelete,
    "contacts": ContactsRecordDelete,
    "campaigns": CampaignsRecordDelete,
}
