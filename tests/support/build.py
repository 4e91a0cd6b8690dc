"""Builders of events and rows with defaults for all members."""

from datetime import UTC, datetime, timedelta

from services.contacts.domain.address_book import Contact
from services.contacts.domain.keys import LineKey
from services.contacts.domain.line import Line
from services.tickets.domain.ticket import Ticket
from services.tickets.routing.rules import Conversation
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import (
    MessageIdentified,
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessageStored,
)

NOON = datetime(2026, 8, 20, 12, 0, tzinfo=UTC)
CUSTOMER = "5511900000001"
GROUP = "120363000000000001"


def at(minutes: float = 0) -> datetime:
    """Return the time so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def received(wid: str = "A1", **members: object) -> MessageReceived:
    """Build a customer's text on line 10 of company 1."""
    given = {
        "company_id": 1,
        "whatsapp_id": 10,
        "chat": CUSTOMER,
        "jid": f"{CUSTOMER}@s.whatsapp.net",
        "wid": wid,
        "timestamp": NOON,
        "body": "Oi",
        "push_name": "Maria",
    }
    return MessageReceived.model_validate(given | members)


def in_group(wid: str = "G1", **members: object) -> MessageReceived:
    """Build a text in a group, by a participant."""
    given: dict[str, object] = {
        "chat": GROUP,
        "jid": f"{GROUP}@g.us",
        "is_group": True,
        "participant": CUSTOMER,
        "participant_jid": f"{CUSTOMER}@s.whatsapp.net",
    }
    return received(wid, **(given | members))


def identified(wid: str = "A1", **members: object) -> MessageIdentified:
    """Build a message of contact 100."""
    base = dict(received(wid))
    return MessageIdentified.model_validate(base | {"contact_id": 100, "sender_id": 100} | members)


def routed(wid: str = "A1", **members: object) -> MessageRouted:
    """Build a message of ticket 1000."""
    return MessageRouted.model_validate(dict(identified(wid)) | {"ticket_id": 1000} | members)


def stored(wid: str = "A1", **members: object) -> MessageStored:
    """Build the fact that a message of ticket 1000 is a row."""
    given = {"message_id": 1, "ticket_id": 1000}
    return MessageStored.model_validate(dict(identified(wid)) | given | members)


def refused(wid: str = "A1", **members: object) -> MessageRefused:
    """Build the fact that a message of ticket 1000 proved a copy."""
    given = {"reason": "duplicate", "ticket_id": 1000}
    return MessageRefused.model_validate(dict(identified(wid)) | given | members)


def job(number: str = CUSTOMER, **members: object) -> CampaignSend:
    """Build a send job of campaign 7."""
    given = {"company_id": 1, "campaign_id": 7, "number": number, "message": "Promoção"}
    return CampaignSend.model_validate(given | members)


def lines(*, allow_group: bool = True) -> dict[LineKey, Line]:
    """Build line 10 of company 1."""
    return {LineKey(1, 10): Line(1, 10, allow_group)}


def contact(contact_id: int = 100, **members: object) -> Contact:
    """Build the contact of CUSTOMER."""
    given: dict[str, object] = {
        "id": contact_id,
        "company_id": 1,
        "number": CUSTOMER,
        "lid": None,
        "jid": f"{CUSTOMER}@s.whatsapp.net",
        "remote_jid": f"{CUSTOMER}@s.whatsapp.net",
        "name": "Maria",
        "is_group": False,
        "active": True,
        "channel": "whatsapp",
        "whatsapp_id": 10,
        "updated_at": NOON,
    }
    return Contact(**(given | members))  # type: ignore[arg-type]


def conversation(**members: object) -> Conversation:
    """Build contact 100 on line 10, which begins with a pending ticket."""
    given: dict[str, object] = {
        "company_id": 1,
        "whatsapp_id": 10,
        "contact_id": 100,
        "group_as_ticket": False,
        "reopen_minutes": 0,
        "asks_consent": False,
        "wallet_user_id": None,
    }
    return Conversation(**(given | members))  # type: ignore[arg-type]


def ticket(ticket_id: int = 1000, **members: object) -> Ticket:
    """Build a pending ticket of contact 100."""
    given: dict[str, object] = {
        "id": ticket_id,
        "company_id": 1,
        "whatsapp_id": 10,
        "contact_id": 100,
        "status": "pending",
        "user_id": None,
        "queue_id": None,
        "is_group": False,
        "unread_messages": 0,
        "updated_at": NOON,
    }
    return Ticket(**(given | members))  # type: ignore[arg-type]
