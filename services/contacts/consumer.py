"""Subscriptions, timers and published facts of the contacts service."""

from services.contacts.consent.handler import save_consents
from services.contacts.identifying.handler import identify_messages
from services.contacts.linking.handler import link_contacts
from services.contacts.requests.handler import apply_requests
from shared.contracts.contact import (
    ContactConsent,
    ContactDeleted,
    ContactLink,
    ContactMerged,
    ContactMove,
    ContactMoved,
    ContactRefused,
    ContactSaved,
    ContactUnchanged,
)
from shared.contracts.contact_request import ContactDelete, ContactSave
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.delivery.app import Service
from shared.delivery.subscription import Subscription
from shared.records.handler import FACTS, build_record_subscription
from shared.records.purge_runner import build_purge_timer
from shared.settings import Settings

OF_CONTACTS = (
    ContactSaved,
    ContactMerged,
    ContactMoved,
    ContactDeleted,
    ContactUnchanged,
    ContactRefused,
)


def service(settings: Settings) -> Service:  # noqa: ARG001 - the same signature in every service
    """Describe the service for `shared.delivery`."""
    return Service(
        name="contacts",
        subscriptions=(
            Subscription((MessageReceived,), identify_messages),
            Subscription((ContactLink, ContactMove), link_contacts),
            Subscription((ContactSave, ContactDelete), apply_requests),
            Subscription((ContactConsent,), save_consents),
            build_record_subscription("contacts"),
        ),
        publishes=(MessageIdentified, MessageRefused, *OF_CONTACTS, *FACTS),
        timers=(build_purge_timer("contacts"),),
    )
