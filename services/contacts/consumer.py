"""What the contacts worker listens to, and what it tells."""

from services.contacts import handlers
from shared.contracts.contact import ContactLink, ContactMerged, ContactSaved
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription
from shared.settings import Settings


def service(settings: Settings) -> Service:  # noqa: ARG001 - every service is asked the same way
    """Describe the service for `shared.delivery`."""
    return Service(
        name="contacts",
        subscriptions=(
            Subscription((MessageReceived,), handlers.identify_messages),
            Subscription((ContactLink,), handlers.link_contacts),
        ),
        tells=(MessageIdentified, MessageRefused, ContactSaved, ContactMerged),
    )
