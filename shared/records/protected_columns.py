"""Columns that requests may not write, and the events that change them instead."""

from typing import Final

from shared.contracts.record_request import Row
from shared.records.models import InvalidRowError
from shared.records.tables import RecordTable

# Written by the services' rules only, with the events that change them.
RULES_WRITE: Final[dict[str, dict[str, str]]] = {
    "Tickets": {
        "status": "ticket.accept, ticket.return or ticket.close",
        "userId": "ticket.accept or ticket.transfer",
        "queueId": "ticket.queue or ticket.transfer",
        "unreadMessages": "ticket.view",
        "lastMessage": "message.received",
        "fromMe": "message.received",
        "closedAt": "ticket.close",
        "lid": "contact.link",
        "jid": "contact.link",
    },
    "Messages": {
        "ack": "message.acked",
        "read": "message.read",
        "isDeleted": "message.deleted",
        "isEdited": "message.edited",
    },
    "Contacts": {
        "active": "contact.delete",
        "mergedIntoContactId": "contact.link",
        "lgpdAcceptedAt": "contact.consent",
    },
    "Whatsapps": dict.fromkeys(
        ("status", "qrcode", "retries", "battery", "plugged"), "connection.updated"
    ),
    "CampaignShipping": dict.fromkeys(("jobId", "deliveredAt"), "campaign.send"),
}

# Only allowed in new rows; later they are changed by other requests, or never.
WRITTEN_ONCE: Final[dict[str, dict[str, str]]] = {
    "Tickets": {"contactId": "contact.link", "whatsappId": "ticket.open"},
    "Messages": {
        "body": "message.edited",
        "wid": "message.sent",
        "ticketId": "ticket.transfer",
        "whatsappId": "message.received",
    },
    "Contacts": {
        **dict.fromkeys(
            ("name", "email", "disableBot", "acceptAudioMessage", "blocked"), "contact.save"
        ),
        **dict.fromkeys(("number", "lid", "jid"), "contact.link"),
    },
}

# Only requests of the platform (company 0) may write these.
PLATFORM_ONLY: Final = {"Users": ("super",)}

# A WhatsApp session is a credential: it is not put on Kafka.
NEVER_WRITTEN: Final = {"Whatsapps": ("session",)}

# Tables with a maximum number of rows per company, and the column of "Plans" with the maximum.
PLAN_LIMITS: Final = {"Users": "users", "Whatsapps": "connections", "Queues": "queues"}

# Deleting a contact sets only `active`; its history is deleted where $history is true.
ARCHIVED: Final = "Contacts"


def check_columns(table: RecordTable, row: Row, *, is_new: bool, is_by_platform: bool) -> None:
    """Raise InvalidRowError for the first column that the request may not write."""
    for column in row:
        if column in NEVER_WRITTEN.get(table.name, ()):
            raise InvalidRowError(f'{column} of "{table.name}" is not written by requests')
        if not is_by_platform and column in PLATFORM_ONLY.get(table.name, ()):
            raise InvalidRowError(f'{column} of "{table.name}" is written by the platform alone')
        instead = RULES_WRITE.get(table.name, {}).get(column)
        if instead is None and not is_new:
            instead = WRITTEN_ONCE.get(table.name, {}).get(column)
        if instead is not None:
            raise InvalidRowError(f'{column} of "{table.name}" changes by {instead}')
