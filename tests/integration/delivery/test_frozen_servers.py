"""Workers while a server is frozen: `/ready`, webhooks, and the end of the process."""

import asyncio
import time
from contextlib import suppress

import httpx
import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

import services.messages.app
from services.messages.gateways_in import webhooks
from shared.delivery import app as delivery
from shared.delivery.health.server_watch import ANSWER_WITHIN_S, ASK_EVERY_S
from shared.gateways.signatures import derive_token, sign
from shared.settings import HealthSettings, WebhookSettings
from tests.support import world
from tests.support.deployment import Deployment, deployment, running
from tests.support.freezing import freeze, frozen, thaw
from tests.support.probes import await_code, free_port
from tests.support.servers import TestServers

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
SAID_WITHIN_S = 5.0
BUSY = 3  # times: other tests run meanwhile; `make faults` checks the limit itself
LINE, CHECKED_LINE = 10, 11  # the first is unknown to the webhooks until a server is frozen
GRACE_S = 60.0  # as in docker-compose.yml
GATEWAY, BODY = "baileys", b'{"event": "presence.update", "data": {}}'
SECRET = "the secret of an operator"  # noqa: S105 - made up here


def build_options(health_port: int, webhook_port: int) -> dict[str, BaseSettings]:
    """Return settings with these ports."""
    return {
        "health": HealthSettings(port=health_port),
        "webhooks": WebhookSettings(port=webhook_port, secret=SecretStr(SECRET)),
    }


async def post(port: int, line: int) -> int:
    """Post as a gateway does; return the HTTP status, 0 if nobody listens yet."""
    headers = sign(GATEWAY, BODY, derive_token(SECRET, GATEWAY, 1, line))
    async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        address = f"http://127.0.0.1:{port}/gateways/{GATEWAY}/1/{line}"
        with suppress(httpx.ConnectError):
            return (await client.post(address, content=BODY, headers=headers)).status_code
    return 0


async def await_work(flow: Deployment, webhook_port: int) -> None:
    """Wait until the worker has claimed its partitions and takes posts."""
    async with asyncio.timeout(PATIENCE_S):
        while await post(webhook_port, CHECKED_LINE) != 200:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)
    await flow.until_any('SELECT 1 FROM "Checkpoints" LIMIT 1')


@pytest.mark.parametrize(("server", "code"), [("the database", 200), ("Kafka", 503)])
async def test_a_frozen_server_is_said_by_ready_and_posts_are_answered(
    servers: TestServers,
    kafka_bootstrap: str,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    code: int,
) -> None:
    if server not in servers.processes:
        pytest.skip("only an embedded server can be frozen")
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN_S", 4.0)
    health_port, webhook_port = free_port(), free_port()
    options = build_options(health_port, webhook_port)
    async with deployment(kafka_bootstrap, migrated_url, ["messages"], **options) as flow:
        await world.company(flow, 1)
        for line in (LINE, CHECKED_LINE):
            await world.line(flow, line, 1)
        assert await await_code(health_port, 200) == "ok"
        assert await post(webhook_port, CHECKED_LINE) != 0, "ready, but nobody listens"
        await await_work(flow, webhook_port)
        with frozen(servers.processes[server]):
            began = time.monotonic()
            posting = asyncio.create_task(post(webhook_port, LINE))
            waiting = await await_code(health_port, 503)
            assert waiting.startswith(f"degraded: waiting for {server} since ")
            assert time.monotonic() - began < SAID_WITHIN_S * BUSY
            assert await posting == code
        began = time.monotonic()
        assert await await_code(health_port, 200) == "ok"
        assert time.monotonic() - began < SAID_WITHIN_S * BUSY
        assert await post(webhook_port, LINE) == 200


def test_two_questions_and_their_limit_fit_into_what_is_promised() -> None:
    assert ASK_EVERY_S + 2 * ANSWER_WITHIN_S <= SAID_WITHIN_S


async def test_a_worker_ends_in_time_although_the_database_is_frozen(
    servers: TestServers,
    kafka_bootstrap: str,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "the database" not in servers.processes:
        pytest.skip("only an embedded server can be frozen")
    saved_s = delivery.GRACEFUL_TIMEOUT_S - 1.0
    monkeypatch.setattr(delivery, "GRACEFUL_TIMEOUT_S", 1.0)
    webhook_port = free_port()
    options = build_options(0, webhook_port)
    async with deployment(kafka_bootstrap, migrated_url, [], **options) as flow:
        await world.company(flow, 1)
        await world.line(flow, CHECKED_LINE, 1)
        app = services.messages.app.create_app(flow.settings)
        try:
            async with running(app):
                await await_work(flow, webhook_port)
                freeze(servers.processes["the database"])
                began = time.monotonic()
            assert time.monotonic() - began < GRACE_S - saved_s
        finally:
            thaw(servers.processes["the database"])
