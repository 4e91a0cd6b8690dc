"""Subscriptions, timers, background tasks and published facts of the messages service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages.change_requests.handler import request_changes
from services.messages.change_requests.rules import REQUESTS
from services.messages.changes.handler import apply_waiting_changes, change_messages
from services.messages.changes.rules import CHANGES
from services.messages.composing.handler import compose_messages
from services.messages.connections.handler import update_lines
from services.messages.gateways_in.handler import translate_evolution, translate_posted
from services.messages.gateways_in.webhooks import run_webhooks
from services.messages.reassigning.handler import (
    mark_messages_read,
    move_messages,
    reassign_messages,
)
from services.messages.send_results.handler import save_send_results
from services.messages.sending.handler import publish_send_results, queue_sends
from services.messages.sending.sender import run_sender
from services.messages.storing.handler import store_messages
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import ContactLink, ContactMerged, ContactMove
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
from shared.contracts.send_result import MessageFailed, MessageSent
from shared.contracts.ticket import TicketTransferred, TicketViewed
from shared.delivery.app import Service
from shared.delivery.subscription import Subscription, Timer
from shared.records.handler import FACTS, build_record_subscription
from shared.records.purge_runner import build_purge_timer
from shared.records.retention_runner import build_retention
from shared.settings import Settings
from shared.topics import build_evolution_topics

WAITING_CHANGES_EVERY_MS = 5_000
SEND_RESULTS_EVERY_MS = 200

OF_GATEWAYS = (MessageReceived, *CHANGES, ConnectionUpdated, ContactLink, ContactMove)
OF_MESSAGES = (MessageStored, MessageRefused, MessageUpdated, MessagesMoved, MessagesSeen)
OF_SENDS = (MessageSend, MessageSent, MessageFailed)


def service(settings: Settings) -> Service:
    """Describe the service for `shared.delivery`."""
    return Service(
        name="messages",
        subscriptions=_build_subscriptions(settings),
        publishes=(*OF_GATEWAYS, *OF_MESSAGES, *OF_SENDS, *FACTS),
        timers=_build_timers(settings),
        background=partial(_run_background, settings),
    )


def _build_subscriptions(settings: Settings) -> tuple[Subscription, ...]:
    evolution = tuple(topic.name for topic in build_evolution_topics(settings.evolution_prefix))
    sends = (Subscription((MessageSend,), queue_sends),) if settings.sending.enabled else ()
    return (
        Subscription((EvolutionRecord,), translate_evolution, evolution, only_reads=True),
        Subscription((GatewayReceived,), translate_posted, only_reads=True),
        Subscription((MessageRouted,), store_messages),
        Subscription(CHANGES, change_messages),
        Subscription((ConnectionUpdated,), update_lines),
        Subscription((MessageCompose,), compose_messages),
        Subscription(REQUESTS, request_changes),
        Subscription((MessageSent, MessageFailed), save_send_results),
        *sends,
        Subscription((TicketTransferred,), move_messages),
        Subscription((TicketViewed,), mark_messages_read),
        Subscription((ContactMerged,), reassign_messages),
        build_record_subscription("messages"),
    )


def _build_timers(settings: Settings) -> tuple[Timer, ...]:
    apply_waiting = partial(
        apply_waiting_changes,
        kept=timedelta(hours=settings.messages.awaited_change_hours),
    )
    send_results = Timer("answers", SEND_RESULTS_EVERY_MS, publish_send_results)
    return (
        Timer("waiting-changes", WAITING_CHANGES_EVERY_MS, apply_waiting),
        *((send_results,) if settings.sending.enabled else ()),
        build_purge_timer("messages", build_retention("messages")),
    )


@asynccontextmanager
async def _run_background(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    async with run_webhooks(settings, engine), run_sender(settings, engine):
        yield
