"""What the tickets worker listens to, when it wakes, and what it tells."""

from services.tickets import handlers
from services.tickets.rules.life_cycle import REQUESTS
from shared.contracts.contact import ContactMerged
from shared.contracts.message import (
    MessageIdentified,
    MessageRefused,
    MessageRouted,
    MessagesMoved,
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
    TicketTransferred,
    TicketUpdated,
)
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription, Timer
from shared.settings import Settings

WAITING_EVERY_MS = 15_000
MESSAGES = (MessageStored, MessageRefused, MessageUpdated, MessagesMoved)
STEPS = (
    TicketOpened,
    TicketReopened,
    TicketAccepted,
    TicketReturned,
    TicketQueued,
    TicketTransferred,
    TicketUpdated,
    TicketNoted,
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
        ),
        tells=(MessageRouted, *STEPS, TicketRefused, MessageCompose),
        timers=(Timer("waiting-tickets", WAITING_EVERY_MS, handlers.pass_time),),
    )
