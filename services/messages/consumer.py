"""What the messages worker listens to, and what it tells."""

from services.messages import handlers
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived, MessageRefused, MessageRouted, MessageStored
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription
from shared.settings import Settings
from shared.topics import evolution_topics


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    evolution = tuple(topic.name for topic in evolution_topics(settings.evolution_prefix))
    return Service(
        name="messages",
        subscriptions=(
            Subscription((EvolutionRecord,), handlers.translate_evolution, evolution),
            Subscription((MessageRouted,), handlers.store_messages),
        ),
        tells=(MessageReceived, MessageStored, MessageRefused),
    )
