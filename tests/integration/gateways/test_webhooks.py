"""Gateways post over HTTP: 200 means that Kafka has the payload; the rows follow."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from services.messages.gateways_in import webhooks
from shared.contracts.message import MessageReceived
from shared.delivery.health.http_server import serve_http
from shared.embedded.kafka import Kafka
from shared.embedded.servers import run_servers
from shared.gateways import registry
from shared.gateways.signatures import derive_token
from shared.settings import WebhookSettings
from tests.support import world
from tests.support.chatia import chatia
from tests.support.deployment import Deployment, deployment
from tests.support.probes import free_port
from tests.unit.gateways import samples

pytestmark = pytest.mark.integration

SECRET = "the secret of an operator"  # noqa: S105 - made up here
FORMER_SECRET = "the former secret of an operator"  # noqa: S105 - made up here
OWN_APP_SECRET = "of a customer's own app"  # noqa: S105 - made up here
LINE_WITH_ITS_OWN_APP = 98
APP_SECRET = "the secret of an app of Meta's"  # noqa: S105 - made up here
LINES = {gateway: 10 + number for number, gateway in enumerate(sorted(registry.GATEWAYS))}
LARGEST = 20_000
TAKEN = (200, '{"status":"taken"}')
NOT_TAKEN = (503, '{"status":"Kafka did not take it; post it again"}')
PATIENCE_S = 60.0
NETWORK_S = 5.0  # in addition to the time that the route waits for Kafka

# A text of each gateway, as its documentation shows it; all become the same row.
TEXTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "gateways" / "texts.json").read_text("utf-8")
)


class Posting:
    """Posts to one worker, signed as each gateway signs."""

    def __init__(self, flow: Deployment, port: int) -> None:
        self.flow = flow
        self.port = port
        # As many as there are gateways post at once, however few processors there are.
        self._threads = ThreadPoolExecutor(len(LINES))

    async def post(
        self, gateway: str, body: bytes, *, line: int | None = None, signed: bool = True
    ) -> tuple[int, str]:
        line = LINES.get(gateway, 10) if line is None else line
        headers, query = signature(gateway, line, body) if signed else ({}, "")
        return await self.ask("POST", f"/gateways/{gateway}/1/{line}{query}", body, headers)

    async def texts(self) -> dict[str, tuple[int, str]]:
        """Post the text of every gateway, all at once."""
        posts = [self.post(gateway, json.dumps(TEXTS[gateway]).encode()) for gateway in LINES]
        return dict(zip(LINES, await asyncio.gather(*posts), strict=True))

    async def rows(self) -> list[tuple[int, str]]:
        """Read line and body of every message."""
        found = await self.flow.sql('SELECT "whatsappId", body FROM "Messages" ORDER BY 1')
        return [(row["whatsappId"], row["body"]) for row in found]

    async def wait_until_serving(self) -> None:
        """Wait until the worker has started."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(ConnectionRefusedError):
                    await self.ask("GET", "/")
                    return
                await asyncio.sleep(0.1)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        loop = asyncio.get_running_loop()
        asked = (self.port, method, path, body, headers or {})
        return await loop.run_in_executor(self._threads, _ask, *asked)


def _ask(
    port: int, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def signature(
    gateway: str, line: int, body: bytes, secret: str = SECRET
) -> tuple[dict[str, str], str]:
    own = derive_token(secret, gateway, 1, line)
    match gateway:
        case "waha":
            return {"X-Webhook-Hmac": hmac.new(own.encode(), body, hashlib.sha512).hexdigest()}, ""
        case "cloud-api":
            digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
            return {"X-Hub-Signature-256": f"sha256={digest}"}, ""
        case "wppconnect":
            return {}, f"?token={own}"
        case _:
            return {"Authorization": f"Bearer {own}"}, ""


@asynccontextmanager
async def posting_to(bootstrap: str, database_url: str) -> AsyncIterator[Posting]:
    port = free_port()
    webhooks = WebhookSettings(
        port=port,
        secret=SecretStr(SECRET),
        former_secret=SecretStr(FORMER_SECRET),
        cloud_api_secrets=SecretStr(f"another, {APP_SECRET}"),
        line_app_secrets={f"1_{LINE_WITH_ITS_OWN_APP}": SecretStr(OWN_APP_SECRET)},
        max_bytes=LARGEST,
    )
    async with deployment(bootstrap, database_url, webhooks=webhooks) as flow:
        await world.company(flow, 1)
        for line in LINES.values():
            await world.line(flow, line, 1, allowGroup=True)
        posting = Posting(flow, port)
        await posting.wait_until_serving()
        yield posting


@pytest_asyncio.fixture
async def posting(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Posting]:
    async with posting_to(kafka_bootstrap, migrated_url) as posting:
        yield posting


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """Run a broker that a test may kill, because no other test uses it."""
    with run_servers(tmp_path / "state", postgres=False) as started:
        assert isinstance(started.kafka, Kafka)
        yield started.kafka


async def test_a_text_of_every_gateway_becomes_a_row(posting: Posting) -> None:
    assert await posting.texts() == dict.fromkeys(LINES, TAKEN)
    await posting.flow.settled()
    assert await posting.rows() == [(line, "Oi") for line in LINES.values()]
    assert await posting.flow.sql('SELECT * FROM "DeadLetters"') == []


@pytest.mark.skipif(not samples.load_public("waha"), reason="the public samples are not there")
async def test_public_samples_are_rows_events_or_named(posting: Posting) -> None:
    posted = [
        (gateway, payload) for gateway in LINES for payload in samples.load_public(gateway).values()
    ]
    meant = [(LINES[gw], registry.translate(gw, payload, samples.LINE)) for gw, payload in posted]
    wids = {
        (line, event.wid)
        for line, translation in meant
        for event in translation.events
        if isinstance(event, MessageReceived)
    }
    for gateway, payload in posted:
        assert (await posting.post(gateway, json.dumps(payload).encode()))[0] == 200
    await posting.flow.settled()
    # The private note of a changed number comes from no message.
    rows = await posting.flow.sql(
        'SELECT "whatsappId", wid FROM "Messages" WHERE "isPrivate" IS NOT TRUE'
    )
    assert {(row["whatsappId"], row["wid"]) for row in rows} == wids
    dead_letters = await posting.flow.sql('SELECT reason FROM "DeadLetters"')
    unreadable = [translation for _, translation in meant if translation.unreadable]
    assert [row["reason"] for row in dead_letters] == ["unreadable-payload"] * len(unreadable)


async def test_unsigned_posts_are_refused_by_every_gateways_route(posting: Posting) -> None:
    codes = {}
    for gateway, line in LINES.items():
        unsigned, _ = await posting.post(gateway, b"{}", signed=False)
        headers, query = signature(gateway, 999, b"other")
        path = f"/gateways/{gateway}/1/{line}{query}"
        codes[gateway] = (unsigned, (await posting.ask("POST", path, b"{}", headers))[0])
    assert codes == dict.fromkeys(LINES, (401, 401))


async def test_tokens_of_the_former_secret_are_accepted_and_of_no_other(posting: Posting) -> None:
    codes = []
    for secret in (FORMER_SECRET, "a secret of nobody"):
        for gateway in sorted(LINES.keys() - {"cloud-api"}):  # Meta signs with the app's secret
            body, line = json.dumps(TEXTS[gateway]).encode(), LINES[gateway]
            headers, query = signature(gateway, line, body, secret)
            path = f"/gateways/{gateway}/1/{line}{query}"
            codes.append((await posting.ask("POST", path, body, headers))[0])
    assert codes == [200] * (len(LINES) - 1) + [401] * (len(LINES) - 1)


async def test_a_line_with_its_own_app_refuses_posts_of_other_apps(posting: Posting) -> None:
    await world.line(posting.flow, LINE_WITH_ITS_OWN_APP, 1)
    path = f"/gateways/cloud-api/1/{LINE_WITH_ITS_OWN_APP}"
    codes = []
    for secret in (APP_SECRET, OWN_APP_SECRET):
        digest = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}"}
        codes.append((await posting.ask("POST", path, b"{}", headers))[0])
    assert codes == [401, 200]


async def test_an_unknown_address_and_a_too_large_body_are_refused(
    posting: Posting,
) -> None:
    nowhere = [("pigeon", 10), ("waha", 9999), ("waha", 2**31)]
    codes = [(await posting.post(gateway, b"{}", line=line))[0] for gateway, line in nowhere]
    codes.append((await posting.ask("POST", f"/gateways/waha/1/{'9' * 5000}", b"{}"))[0])
    assert codes == [404, 404, 404, 404]
    assert (await posting.post("evolution", b" " * (LARGEST + 1)))[0] == 413


async def test_a_body_that_is_not_json_is_a_dead_letter(posting: Posting) -> None:
    assert (await posting.post("evolution", b"\xff{"))[0] == 200
    await posting.flow.settled()
    (dead_letter,) = await posting.flow.sql('SELECT reason, detail FROM "DeadLetters"')
    assert dead_letter == {"reason": "unreadable-payload", "detail": "the body is not JSON"}


async def test_a_byte_order_mark_is_removed_and_invalid_bytes_are_escaped(
    posting: Posting,
) -> None:
    marked = b"\xef\xbb\xbf" + json.dumps(TEXTS["waha"]).encode()
    assert await posting.post("waha", marked) == TAKEN
    assert await posting.post("waha", '{"body": "coração"}'.encode("latin-1")) == TAKEN
    await posting.flow.settled()
    (dead_letter,) = await posting.flow.sql('SELECT body FROM "DeadLetters"')
    assert (len(await posting.rows()), b"xe7" in dead_letter["body"]) == (1, True)


async def test_meta_is_answered_with_its_challenge(posting: Posting) -> None:
    line = LINES["cloud-api"]
    path = f"/gateways/cloud-api/1/{line}?hub.mode=subscribe&hub.challenge=4711&hub.verify_token="
    right = quote(derive_token(SECRET, "cloud-api", 1, line))
    assert await posting.ask("GET", path + right) == (200, "4711")
    assert (await posting.ask("GET", path + "wrong"))[0] == 401


class UnreachableProducer:
    """A producer whose brokers are away."""

    async def send_and_wait(self, *_: object, **__: object) -> None:
        raise KafkaConnectionError


async def test_while_kafka_is_away_the_answer_is_503(
    posting: Posting,
) -> None:
    port, settings = free_port(), posting.flow.settings
    application = webhooks.Webhooks(
        settings, posting.flow.engine, UnreachableProducer()
    ).application
    async with serve_http(application, port, "X"):
        answer = await Posting(posting.flow, port).post("evolution", b"{}")
    assert answer == NOT_TAKEN


async def test_posts_refused_while_kafka_was_killed_are_taken_when_repeated(
    own_kafka: Kafka, migrated_url: str
) -> None:
    async with posting_to(own_kafka.bootstrap, migrated_url) as posting:
        # All workers have begun when a first row is there.
        assert await posting.post("waha", json.dumps(TEXTS["waha"]).encode()) == TAKEN
        await posting.flow.settled()
        await asyncio.to_thread(own_kafka.kill)
        began = time.monotonic()
        assert await posting.texts() == dict.fromkeys(LINES, NOT_TAKEN)
        assert time.monotonic() - began < webhooks.ANSWER_WITHIN_S + NETWORK_S
        await asyncio.to_thread(own_kafka.restart)
        assert await posting.texts() == dict.fromkeys(LINES, TAKEN)
        await posting.flow.settled()
        assert await posting.rows() == [(line, "Oi") for line in LINES.values()]


def test_the_command_prints_address_and_token() -> None:
    asked = ("gateway", "token", "waha", "--company", "1", "--line", "10", "--json")
    found = chatia(*asked, environment={"CHATIA_WEBHOOK_SECRET": SECRET})
    assert found.json == {
        "path": "/gateways/waha/1/10",
        "token": derive_token(SECRET, "waha", 1, 10),
    }


def test_without_a_secret_there_are_no_tokens() -> None:
    ended = chatia("gateway", "token", "waha", "--company", "1", "--line", "10", environment={})
    assert (ended.code, "CHATIA_WEBHOOK_SECRET" in ended.complaint) == (2, True)
