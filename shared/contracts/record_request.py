"""What the back office asks of the owner of a table: that rows be saved, or deleted."""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Name, Request, Token

MOST_ROWS = 1_000  # of one request

Row = dict[str, Any]
Rows = Annotated[
    tuple[Row, ...], Field(min_length=1, max_length=MOST_ROWS, fail_fast=True, repr=False)
]


class RecordRequest(Request):
    """Rows of a table, of one company (0: of the platform); all of them take effect, or none.

    A row may name another table of the same owner in `$table`. `actor` is who asks, as the back
    office calls them; it is told with the answer, which is a fact on record.changed with the same
    `requestId`.
    """

    table: Token
    actor: Name | None = None
    rows: Rows

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.table}"


class RecordSave(RecordRequest):
    """Columns that are named are written; a row is found by its id, or by its natural key.

    A row that has a `$name` can be pointed to by later ones: `{"$ref": name}` is its id.
    """


class RecordDelete(RecordRequest):
    """Rows that are named by their id, or by their natural key, are to be there no more."""


class TicketsRecordSave(RecordSave):
    """Rows of tables that the tickets service owns."""

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "record.save"


class MessagesRecordSave(RecordSave):
    """Rows of tables that the messages service owns."""

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "record.save"


class ContactsRecordSave(RecordSave):
    """Rows of tables that the contacts service owns."""

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "record.save"


class CampaignsRecordSave(RecordSave):
    """Rows of tables that the campaigns service owns."""

    topic: ClassVar[str] = "campaigns.requests"
    type: ClassVar[str] = "record.save"


class TicketsRecordDelete(RecordDelete):
    """Rows of tables that the tickets service owns."""

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "record.delete"


class MessagesRecordDelete(RecordDelete):
    """Rows of tables that the messages service owns."""

    topic: ClassVar[str] = "messages.requests"
    type: ClassVar[str] = "record.delete"


class ContactsRecordDelete(RecordDelete):
    """Rows of tables that the contacts service owns."""

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "record.delete"


class CampaignsRecordDelete(RecordDelete):
    """Rows of tables that the campaigns service owns."""

    topic: ClassVar[str] = "campaigns.requests"
    type: ClassVar[str] = "record.delete"


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
