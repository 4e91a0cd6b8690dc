"""What a post is answered before it reaches Kafka."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from structlog.testing import capture_logs

from services.messages.gateways_in import webhooks
from services.messages.gateways_in.webhooks import Producer, Webhooks
from shared.gateways.signatures import derive_token
from shared.settings import Settings, WebhookSettings

SECRET = "an operator's secret"  # noqa: S105 - made up here


def build_request(gateway: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Request:
    """Build a post of an empty object."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": headers,
        "query_string": b"",
        "path_params": {"gateway": gateway, "company_id": "1", "whatsapp_id": "10"},
    }
    return Request(scope, receive)


async def post(gateway: str, settings: WebhookSettings, keys_file: str = "") -> tuple[int, str]:
    """Post an empty object without a signature; return the status and its text."""
    # Neither the database nor Kafka is reached: the post is refused first.
    routes = Webhooks(
        Settings(webhooks=settings, line_keys_file=keys_file),
        cast("AsyncEngine", None),
        cast("Producer", None),
    )
    answer = await routes.receive(build_request(gateway))
    return answer.status_code, json.loads(bytes(answer.body))["status"]


def build_settings(**members: Any) -> WebhookSettings:
    return WebhookSettings(secret=SecretStr(SECRET), **members)


async def test_without_any_app_secret_the_answer_names_the_variables_to_set() -> None:
    code, text = await post("cloud-api", build_settings())
    assert code == 503
    assert text == (
        "no secret of a Meta app is configured: set CHATIA_CLOUD_API_SECRET_1_10 or "
        "CHATIA_CLOUD_API_SECRETS"
    )


@pytest.mark.parametrize(
    "secrets",
    [
        {"cloud_api_secrets": SecretStr("ours")},
        {"line_app_secrets": {"1_10": SecretStr("the customer's own")}},
    ],
)
async def test_with_an_app_secret_a_wrong_signature_is_called_wrong(
    secrets: dict[str, Any],
) -> None:
    answer = await post("cloud-api", build_settings(**secrets))
    assert answer == (401, "the signature or token is not right")


async def test_an_app_secret_may_be_in_the_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("CHATIA_CLOUD_API_SECRET_1_10=the customer's own\n", "utf-8")
    answer = await post("cloud-api", build_settings(), str(path))
    assert answer == (401, "the signature or token is not right")


async def test_other_gateways_need_no_app_secret() -> None:
    answer = await post("waha", build_settings())
    assert answer == (401, "the signature or token is not right")


class FrozenServers:
    """A database and a producer that never answer."""

    def __init__(self) -> None:
        self.lookups = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[None]:
        self.lookups += 1
        await asyncio.Event().wait()
        yield

    async def send_and_wait(self, *_: object, **__: object) -> None:
        await asyncio.Event().wait()


class WorkingProducer:
    """A producer whose records are acknowledged at once."""

    async def send_and_wait(self, *_: object, **__: object) -> None: ...


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less than in production."""
    monkeypatch.setattr(webhooks, "LINE_CHECK_TIMEOUT_S", 0.1)
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN_S", 0.3)


async def receive_signed(routes: Webhooks, secret: str = SECRET) -> int:
    """Post an empty object with the token of a secret; return the status."""
    token = derive_token(secret, "baileys", 1, 10)
    headers = [(b"authorization", f"Bearer {token}".encode())]
    async with asyncio.timeout(5):
        return (await routes.receive(build_request("baileys", headers))).status_code


@pytest.mark.usefixtures("quickly")
async def test_a_post_is_taken_while_the_database_is_frozen_and_asks_it_once() -> None:
    frozen = FrozenServers()
    routes = Webhooks(
        Settings(webhooks=build_settings()), cast("AsyncEngine", frozen), WorkingProducer()
    )
    assert await receive_signed(routes) == 200
    assert await receive_signed(routes) == 200
    assert frozen.lookups == 1


@pytest.mark.usefixtures("quickly")
async def test_the_tokens_of_the_former_secret_are_accepted_while_it_is_set() -> None:
    former = "the secret of last year"
    frozen = cast("AsyncEngine", FrozenServers())
    settings = build_settings(former_secret=SecretStr(former))
    both = Webhooks(Settings(webhooks=settings), frozen, WorkingProducer())
    alone = Webhooks(Settings(webhooks=build_settings()), frozen, WorkingProducer())
    with capture_logs() as logs:
        assert [await receive_signed(both, s) for s in (SECRET, former, former)] == [200] * 3
    assert await receive_signed(both, "the secret of nobody") == 401
    assert await receive_signed(alone, former) == 401
    named = [entry for entry in logs if entry["event"] == "post.former_token"]
    assert [(e["gateway"], e["company_id"], e["whatsapp_id"]) for e in named] == [
        ("baileys", 1, 10)
    ]


@pytest.mark.usefixtures("quickly")
async def test_a_post_is_to_be_repeated_while_both_servers_are_frozen() -> None:
    frozen = FrozenServers()
    routes = Webhooks(Settings(webhooks=build_settings()), cast("AsyncEngine", frozen), frozen)
    assert await receive_signed(routes) == 503
