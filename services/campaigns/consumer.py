"""What the campaigns worker listens to, when it wakes, and what it tells."""

from functools import partial

from services.campaigns import handlers
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, records_of
from shared.records.purges import purging
from shared.settings import Settings

SENDS_EVERY_MS = 100


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    send_due = partial(handlers.send_due, default_interval_ms=settings.send_interval_ms)
    return Service(
        name="campaigns",
        subscriptions=(
            Subscription((CampaignSend,), handlers.accept_jobs),
            records_of("campaigns"),
        ),
        tells=(MessageSend, *FACTS),
        timers=(Timer("sends", SENDS_EVERY_MS, send_due), purging("campaigns")),
    )
