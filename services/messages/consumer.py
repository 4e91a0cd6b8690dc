"""What the messages worker listens to, when it wakes, and what it tells."""

from datetime import timedelta
from functools import partial

from services.messages import handlers, webhooks
from services.messages.rules.changes import CHANGES
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import ContactLink
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import (
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessageStored,
    MessageUpdated,
)
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription, Timer
from shared.settings import Settings
from shared.topics import evolution_topics

WAITING_EVERY_MS = 5_000


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    evolution = tuple(topic.name for topic in evolution_topics(settings.evolution_prefix))
    settle_waiting = partial(
        handlers.settle_waiting,
        namespace=settings.namespace,
        kept=timedelta(hours=settings.awaited_change_hours),
    )
    told_of_gateways = (MessageReceived, *CHANGES, ConnectionUpdated, ContactLink)
    return Service(
        name="messages",
        subscriptions=(
            Subscription((EvolutionRecord,), handlers.translate_evolution, evolution),
            Subscription((GatewayReceived,), handlers.translate_posted),
            Subscription((MessageRouted,), handlers.store_messages),
            Subscription(CHANGES, handlers.change_messages),
            Subscription((ConnectionUpdated,), handlers.update_lines),
        ),
        tells=(*told_of_gateways, MessageStored, MessageRefused, MessageUpdated),
        timers=(Timer("waiting-changes", WAITING_EVERY_MS, settle_waiting),),
        beside=partial(webhooks.listening, settings),
    )
