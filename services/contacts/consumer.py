"""What the contacts worker listens to, and what it tells."""

from services.contacts import handlers
from shared.contracts.contact import (
    ContactConsent,
    ContactDeleted,
    ContactLink,
    ContactMerged,
    ContactRefused,
    ContactSaved,
    ContactUnchanged,
)
from shared.contracts.contact_request import ContactDelete, ContactSave
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription
from shared.records.handler import FACTS, records_of
from shared.records.purges import purging
from shared.settings import Settings

CHANGES = (
    ContactSaved,
    ContactMerged,
    ContactDeleted,
    ContactUnchanged,
    ContactRefused,
)


def service(settings: Settings) -> Service:  # noqa: ARG001 - every service is asked the same way
    """Describe the service for `shared.delivery`."""
    return Service(
        name="contacts",
        subscriptions=(
            Subscription((MessageReceived,), handlers.identify_messages),
            Subscription((ContactLink,), handlers.link_contacts),
            Subscription((ContactSave, ContactDelete), handlers.grant_requests),
            Subscription((ContactConsent,), handlers.note_consents),
            records_of("contacts"),
        ),
        tells=(MessageIdentified, MessageRefused, *CHANGES, *FACTS),
        timers=(purging("contacts"),),
    )
