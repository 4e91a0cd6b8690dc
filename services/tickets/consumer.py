"""Subscriptions, timers and published facts of the tickets service."""

from datetime import timedelta
from functools import partial

from services.tickets.contact_merge.handler import follow_contacts
from services.tickets.number_change.handler import note_number_changes
from services.tickets.requests.handler import apply_requests
from services.tickets.requests.life_cycle import REQUESTS
from services.tickets.routing.handler import route_messages
from services.tickets.timers.handler import run_due_actions
from services.tickets.unread.handler import refresh_tickets
from services.tickets.user_opening.handler import open_tickets
from shared.contracts.contact import ContactConsent, ContactMerged, ContactMoved
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
from shared.delivery.app import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, build_record_subscription
from shared.records.purge_runner import build_purge_timer
from shared.records.retention_runner import build_retention
from shared.settings import Settings

DUE_EVERY_MS = 15_000
MESSAGE_CHANGES = (MessageStored, MessageRefused, MessageUpdated, MessagesMoved, MessagesSeen)
TICKET_FACTS = (
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


def service(settings: Settings) -> Service:
    """Return the description of the service that `shared.delivery` runs."""
    late_after = timedelta(hours=settings.tickets.late_message_hours)
    return Service(
        name="tickets",
        subscriptions=(
            Subscription((MessageIdentified,), partial(route_messages, late_after=late_after)),
            Subscription(MESSAGE_CHANGES, partial(refresh_tickets, late_after=late_after)),
            Subscription((ContactMerged,), follow_contacts),
            Subscription((ContactMoved,), note_number_changes),
            Subscription(REQUESTS, apply_requests),
            Subscription((TicketOpen,), open_tickets),
            build_record_subscription("tickets"),
        ),
        publishes=(
            MessageRouted,
            *TICKET_FACTS,
            TicketRefused,
            MessageCompose,
            ContactConsent,
            *FACTS,
        ),
        timers=(
            Timer("waiting-tickets", DUE_EVERY_MS, run_due_actions),
            build_purge_timer("tickets", build_retention("tickets")),
        ),
    )
