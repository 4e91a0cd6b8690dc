"""What the messages worker listens to, when it wakes, and what it tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages import handlers, sender, webhooks
from services.messages.rules.changes import CHANGES
from shared.contracts.answer import MessageFailed, MessageSent
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import ContactLink, ContactMerged
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import (
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessageSend,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketTransferred, TicketViewed
from shared.delivery.service import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, records_of
from shared.records.purges import purging
from shared.settings import Settings
from shared.topics import evolution_topics

WAITING_EVERY_MS = 5_000
ANSWERS_EVERY_MS = 200


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    evolution = tuple(topic.name for topic in evolution_topics(settings.evolution_prefix))
    own = settings.namespace
    settle_waiting = partial(
        handlers.settle_waiting,
        namespace=own,
        kept=timedelta(hours=settings.awaited_change_hours),
    )
    told_of_messages = (MessageStored, MessageRefused, MessageUpdated, MessagesMoved, MessagesSeen)
    told_of_gateways = (MessageReceived, *CHANGES, ConnectionUpdated, ContactLink)
    return Service(
        name="messages",
        subscriptions=(
            Subscription(
                (EvolutionRecord,), handlers.translate_evolution, evolution, only_reads=True
            ),
            Subscription((GatewayReceived,), handlers.translate_posted, only_reads=True),
            Subscription((MessageRouted,), partial(handlers.store_messages, namespace=own)),
            Subscription(CHANGES, partial(handlers.change_messages, namespace=own)),
            Subscription((ConnectionUpdated,), handlers.update_lines),
            Subscription((MessageCompose,), handlers.compose_messages),
            Subscription(
                (MessageSent, MessageFailed), partial(handlers.join_answers, namespace=own)
            ),
            *_heard_by_the_sender(settings),
            Subscription((TicketTransferred,), handlers.follow_tickets),
            Subscription((TicketViewed,), handlers.see_tickets),
            Subscription((ContactMerged,), handlers.follow_contacts),
            records_of("messages"),
        ),
        tells=(
            *told_of_gateways,
            *told_of_messages,
            MessageSend,
            MessageSent,
            MessageFailed,
            *FACTS,
        ),
        timers=(
            Timer("waiting-changes", WAITING_EVERY_MS, settle_waiting),
            *_timers_of_the_sender(settings),
            purging("messages"),
        ),
        beside=partial(_beside, settings),
    )


def _heard_by_the_sender(settings: Settings) -> tuple[Subscription, ...]:
    return (Subscription((MessageSend,), handlers.queue_sends),) if settings.sender else ()


def _timers_of_the_sender(settings: Settings) -> tuple[Timer, ...]:
    answers = Timer("answers", ANSWERS_EVERY_MS, handlers.tell_answers)
    return (answers,) if settings.sender else ()


@asynccontextmanager
async def _beside(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    async with webhooks.listening(settings, engine), sender.sending(settings, engine):
        yield
