"""What the tickets worker listens to, when it wakes, and what it tells."""

from services.tickets import handlers
from services.tickets.rules.life_cycle import REQUESTS
from shared.contracts.contact import ContactConsent, ContactMerged
from shared.contracts.message import (
    MessageIdentified,
    MessageRefused,
    MessageRouted,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import (
    TicketAccepted,
    TicketClosed,
    TicketDiscarded,
    TicketNoted,
    TicketOpened,
    TicketQueued,
    TicketRated,
    TicketRefused,
    TicketReopened,
    TicketReturned,
    TicketTagged,
    TicketTransferred,
    TicketUpdated,
    TicketViewed,
)
from shared.contracts.ticket_request import TicketOpen
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, records_of
from shared.records.purges import purging
from shared.settings import Settings

WAITING_EVERY_MS = 15_000
MESSAGES = (MessageStored, MessageRefused, MessageUpdated, MessagesMoved, MessagesSeen)
STEPS = (
    TicketOpened,
    TicketReopened,
    TicketAccepted,
    TicketReturned,
    TicketQueued,
    TicketTransferred,
    TicketUpdated,
    TicketViewed,
    TicketNoted,
    TicketTagged,
    TicketClosed,
    TicketRated,
    TicketDiscarded,
)


def service(settings: Settings) -> Service:  # noqa: ARG001 - every service is asked the same way
    """Describe the service for `shared.delivery`."""
    return Service(
        name="tickets",
        subscriptions=(
            Subscription((MessageIdentified,), handlers.route_messages),
            Subscription(MESSAGES, handlers.refresh_tickets),
            Subscription((ContactMerged,), handlers.follow_contacts),
            Subscription(REQUESTS, handlers.grant_requests),
            Subscription((TicketOpen,), handlers.open_tickets),
            records_of("tickets"),
        ),
        tells=(MessageRouted, *STEPS, TicketRefused, MessageCompose, ContactConsent, *FACTS),
        timers=(
            Timer("waiting-tickets", WAITING_EVERY_MS, handlers.pass_time),
            purging("tickets"),
        ),
    )
