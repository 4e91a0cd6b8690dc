"""Subscriptions, timers and published facts of the campaigns service."""

from functools import partial

from services.campaigns.shipping.handler import save_shippings, send_due
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.delivery.app import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, build_record_subscription
from shared.records.purge_runner import build_purge_timer
from shared.settings import Settings

SENDS_EVERY_MS = 100


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    send = partial(send_due, default_interval_ms=settings.sending.interval_ms)
    return Service(
        name="campaigns",
        subscriptions=(
            Subscription((CampaignSend,), save_shippings),
            build_record_subscription("campaigns"),
        ),
        publishes=(MessageSend, *FACTS),
        timers=(Timer("sends", SENDS_EVERY_MS, send), build_purge_timer("campaigns")),
    )
