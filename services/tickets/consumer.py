"""What the tickets worker listens to, and what it tells."""

from services.tickets import handlers
from shared.contracts.message import (
    MessageIdentified,
    MessageRefused,
    MessageRouted,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.ticket import TicketDiscarded, TicketOpened, TicketReopened, TicketUpdated
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription
from shared.settings import Settings


def service(settings: Settings) -> Service:  # noqa: ARG001 - every service is asked the same way
    """Describe the service for `shared.delivery`."""
    return Service(
        name="tickets",
        subscriptions=(
            Subscription((MessageIdentified,), handlers.route_messages),
            Subscription((MessageStored, MessageRefused, MessageUpdated), handlers.refresh_tickets),
        ),
        tells=(MessageRouted, TicketOpened, TicketReopened, TicketUpdated, TicketDiscarded),
    )
