"""Our own webhooks get full marks from `chatia conformance webhook`, for all seven gateways."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.messages.gateways_in.webhooks import run_webhooks
from shared.cli import cluster
from shared.conformance.reader import open_reader
from shared.conformance.report import Report
from shared.conformance.webhook.case import Target
from shared.conformance.webhook.player import Limits, WebhookPlayer
from shared.gateways import registry
from shared.gateways.signatures import derive_token
from shared.settings import WebhookSettings
from tests.support import world
from tests.support.chatia import Ended
from tests.support.deployment import Deployment, deployment
from tests.support.deployment_cli import run_chatia
from tests.support.probes import free_port

pytestmark = pytest.mark.integration

SECRET = "the secret of an operator"  # noqa: S105 - made up here
APP_SECRET = "the secret of an app of Meta's"  # noqa: S105 - made up here
LARGEST = 250_000  # bytes
LINE = 10
LIMITS = Limits(slow_s=20.0, timeout_s=30.0)  # on a busy machine


class Webhooks:
    """Our webhooks at a port, and the line that the gateways post for."""

    def __init__(self, flow: Deployment, port: int) -> None:
        self.flow = flow
        self.port = port

    def build_target(self, gateway: str) -> Target:
        token = derive_token(SECRET, gateway, 1, LINE)
        key = APP_SECRET if gateway == "cloud-api" else token
        url = f"http://127.0.0.1:{self.port}/gateways/{gateway}/1/{LINE}"
        return Target(gateway, url, key, token, LARGEST)

    async def play(self, gateway: str) -> Report:
        name = f"{self.flow.settings.namespace}.gateway.received"
        async with cluster.connect_admin(self.flow.settings.kafka) as admin:
            partitions = (await cluster.find_topics(admin, [name]))[name].partitions
        limits = httpx.Limits(max_connections=1)
        async with (
            httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client,  # noqa: S113 - the player limits each request
            open_reader(self.flow.settings.kafka, {name: partitions}) as reader,
        ):
            return await WebhookPlayer(client, self.build_target(gateway), LIMITS).run(reader)

    async def play_by_command(self, gateway: str) -> Ended:
        target = self.build_target(gateway)
        words = ("conformance", "webhook", gateway, target.url, "--watch-topics", "--json")
        limits = ("--max-bytes", str(LARGEST), "--slow-ms", "20000", "--timeout-ms", "30000")
        access = {"CHATIA_CONFORMANCE_TOKEN": target.token}
        return await run_chatia(self.flow, *words, *limits, **access)


@pytest_asyncio.fixture
async def webhooks(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Webhooks]:
    port = free_port()
    settings = WebhookSettings(
        port=port,
        secret=SecretStr(SECRET),
        cloud_api_secrets=SecretStr(APP_SECRET),
        max_bytes=LARGEST,
    )
    # Without workers, which would handle what is posted at the same time.
    async with deployment(kafka_bootstrap, migrated_url, (), webhooks=settings) as flow:
        await world.company(flow, 1)
        await world.line(flow, LINE, 1)
        async with run_webhooks(flow.settings, flow.engine):
            yield Webhooks(flow, port)


async def test_our_webhooks_get_full_marks_for_all_seven_gateways(webhooks: Webhooks) -> None:
    *others, by_command = registry.GATEWAYS
    reports = await asyncio.gather(*(webhooks.play(gateway) for gateway in others))
    ended = await webhooks.play_by_command(by_command)
    assert [check for report in reports for check in report.failed] == []
    assert all({"taken payloads", "connection"} <= report.grades.keys() for report in reports)
    assert (ended.code, ended.json["failed"], ended.json["grade"]) == (0, [], "A")
    assert ended.json["areas"]["taken payloads"]["must"]["of"] > 250
    assert webhooks.build_target(by_command).token not in ended.answer
