"""Every kind of message and change, through workers and a simulated gateway of each kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.cli.gateway_sim import SimulatedGateway
from shared.contracts.base import Request
from shared.contracts.message import MessageSend
from shared.contracts.message_request import (
    MessageCompose,
    MessageDelete,
    MessageEdit,
    MessageMarkRead,
    MessageReact,
)
from shared.gateways.senders.registry import SENDERS
from shared.settings import SendingSettings
from tests.support import world
from tests.support.build import CUSTOMER, received
from tests.support.deployment import Deployment, deployment
from tests.support.probes import free_port

pytestmark = pytest.mark.integration

OPTIONS = {"button": "Ver", "sections": [{"title": "Dia", "rows": [{"id": "1", "title": "Hoje"}]}]}
TEMPLATE = {"name": "promo", "language": "pt_BR", "body": [{"text": "Ana"}]}
ABOUT = {"company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER}
ROWS = """
SELECT m.body, m."isEdited", m."isDeleted", m.read, m."mediaType",
       (SELECT r.emoji FROM "Reactions" r WHERE r."messageId" = m.id AND r.author = '') AS emoji
FROM "Messages" m ORDER BY m."createdAt"
"""


@pytest_asyncio.fixture
async def started(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    sending = SendingSettings(
        enabled=True,
        timeout_ms=5_000,
        retry_ms=50,
        waha_api_key=SecretStr("k1"),
        evolution_api_key=SecretStr("k2"),
        cloud_api_token=SecretStr("k3"),
    )
    async with deployment(kafka_bootstrap, migrated_url, sending=sending) as running:
        await world.company(running, 1)
        await world.line(running, 10, 1)
        yield running


@asynccontextmanager
async def connected(started: Deployment, gateway: str) -> AsyncIterator[SimulatedGateway]:
    """Serve a simulated gateway and connect line 10 to it."""
    simulated, port = SimulatedGateway(gateway), free_port()
    async with simulated.serve(port):
        await started.sql(
            """INSERT INTO "GatewayConnections"
                 (gateway, server, instance, "companyId", "whatsappId")
               VALUES (:gateway, :server, 'loja', 1, 10)""",
            gateway=gateway,
            server=f"http://127.0.0.1:{port}",
        )
        yield simulated


async def ask(started: Deployment, *requests: Request) -> list[dict[str, Any]]:
    """Publish requests twice, wait until they are done; return the answers by request."""
    await started.publish(*(started.request(request) for request in (*requests, *requests)))
    await started.until_none(
        'SELECT 1 WHERE (SELECT count(*) FROM "Requests") < :n', n=len(requests)
    )
    await started.until_none(
        """SELECT 1 FROM "Sends" WHERE status IN ('queued', 'waiting', 'claimed') OR "isUntold" """
    )
    await started.settled()
    wanted = {request.request_id for request in requests}
    return [
        fact for fact in await started.facts("message.stored") if fact.get("requestId") in wanted
    ]


def count_sent(simulated: SimulatedGateway) -> list[tuple[object, object]]:
    return [(one["kind"], one["text"]) for one in simulated.sent]


@pytest.mark.parametrize("gateway", sorted(SENDERS))
async def test_each_kind_is_done_once_and_the_rows_follow(
    gateway: str, started: Deployment
) -> None:
    await started.sql(
        """INSERT INTO "MessageTemplates"
             ("companyId", "whatsappId", name, language, status, body)
           VALUES (1, 10, 'promo', 'pt_BR', 'APPROVED', 'Olá {{1}}')"""
    )
    now = datetime.now(UTC)
    async with connected(started, gateway) as simulated:
        await started.publish(
            started.record(received("A1", timestamp=now - timedelta(hours=1), body="Oi"))
        )
        await started.settled()
        composed = [
            MessageCompose(**ABOUT, request_id="c0", body="Bom dia", timestamp=now),
            MessageCompose.model_validate({
                **ABOUT, "request_id": "c1", "template": TEMPLATE,
                "timestamp": now + timedelta(seconds=1),
            }),
            MessageCompose.model_validate({
                **ABOUT, "request_id": "c2", "body": "Confirma?",
                "buttons": [{"id": "s", "title": "Sim"}], "timestamp": now + timedelta(seconds=2),
            }),
            MessageCompose.model_validate({
                **ABOUT, "request_id": "c3", "body": "Quando?", "list": OPTIONS,
                "timestamp": now + timedelta(seconds=3),
            }),
        ]  # fmt: skip
        await ask(started, *composed)
        (first, second) = await started.sql(
            'SELECT wid FROM "Messages" WHERE "fromMe" ORDER BY "createdAt" LIMIT 2'
        )
        answers = await ask(
            started,
            MessageReact(**ABOUT, request_id="x0", wid="A1", emoji="👍"),
            MessageMarkRead(**ABOUT, request_id="x1", wid="A1"),
            MessageEdit(**ABOUT, request_id="x2", wid=first["wid"], body="Boa tarde"),
            MessageDelete(**ABOUT, request_id="x3", wid=second["wid"]),
        )
        rows = await started.sql(ROWS)
    is_meta = gateway == "cloud-api"
    options = {"waha": [("message", "Confirma?\n\n1. Sim"), ("message", "Quando?\n\n1. Hoje")]}.get(
        gateway, [("buttons", "Confirma?"), ("list", "Quando?")]
    )
    changes = [("edit", "Boa tarde"), ("delete", "")]
    assert count_sent(simulated) == [
        ("message", "Bom dia"),
        ("template", "promo") if is_meta else ("message", "Olá Ana"),
        *options,
        ("react", "👍"),
        ("markRead", ""),
        *([] if is_meta else changes),
    ]
    assert [row["body"] for row in rows] == [
        "Oi", "Bom dia" if is_meta else "Boa tarde", "Olá Ana", "Confirma?", "Quando?",
    ]  # fmt: skip
    assert (rows[0]["emoji"], rows[0]["read"]) == ("👍", True)
    assert [(row["isEdited"], row["isDeleted"]) for row in rows[1:3]] == (
        [(False, False)] * 2 if is_meta else [(True, False), (False, True)]
    )
    found = {fact["requestId"]: fact.get("reason") or tuple(fact["changes"]) for fact in answers}
    assert found == {
        "x0": ("reactions",),
        "x1": ("read",),
        "x2": "gateway-cannot" if is_meta else ("body",),
        "x3": "gateway-cannot" if is_meta else ("deleted",),
    }
    assert await started.sql('SELECT reason, detail FROM "DeadLetters"') == []


async def test_a_send_that_waited_until_the_window_closed_is_not_made(started: Deployment) -> None:
    async with connected(started, "cloud-api") as simulated:
        old = datetime.now(UTC) - timedelta(hours=25)
        await started.publish(started.record(received("A1", timestamp=old)))
        await started.settled()
        sends = [
            MessageSend(
                **ABOUT, send_id=name, body="Oi", campaign_id=campaign, template=template,
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
            for name, campaign, template in (
                ("late", None, None),
                ("campaign:7:55", 7, None),
                ("with-template", 7, TEMPLATE),
            )
        ]  # fmt: skip
        await started.publish(*map(started.record, sends))
        await started.until_none(
            "SELECT 1 WHERE (SELECT count(*) FROM \"Sends\" WHERE status IN ('failed', 'sent')) < 3"
        )
        await started.settled()
    assert count_sent(simulated) == [("template", "promo")]
    answers = await started.facts("message.answered")
    assert {fact["sendId"]: fact.get("errorCode") for fact in answers} == {
        "late": "outside-window",
        "campaign:7:55": "outside-window",
        "with-template": None,
    }
