"""Which columns a request about rows may not write, and what is asked for instead."""

from typing import Final

from shared.contracts.record_request import Row
from shared.records.models import UnfitRowError
from shared.records.tables import RecordTable

# Rules write these; what a request says of them would be overwritten, or untrue.
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

# A new row names these; afterwards they change by another request, or never.
STAY: Final[dict[str, dict[str, str]]] = {
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

# Only the platform says who is above all companies.
PLATFORMS_WORD: Final = {"Users": ("super",)}

# What opens a session travels in no event.
NEVER: Final = {"Whatsapps": ("session",)}

# A plan limits how many of these a company has: by the column of "Plans" that says it.
LIMITED: Final = {"Users": "users", "Whatsapps": "connections", "Queues": "queues"}

# A contact is only no longer in the address book; its history goes where that is asked for.
SOFTLY: Final = "Contacts"


def check_columns(table: RecordTable, row: Row, *, is_new: bool, is_platforms: bool) -> None:
    """Raise UnfitRowError for the first column that a request may not write here."""
    for column in row:
        if column in NEVER.get(table.name, ()):
            raise UnfitRowError(f'{column} of "{table.name}" is not written by requests')
        if not is_platforms and column in PLATFORMS_WORD.get(table.name, ()):
            raise UnfitRowError(f'{column} of "{table.name}" is written by the platform alone')
        instead = RULES_WRITE.get(table.name, {}).get(column)
        if instead is None and not is_new:
            instead = STAY.get(table.name, {}).get(column)
        if instead is not None:
            raise UnfitRowError(f'{column} of "{table.name}" changes by {instead}')
