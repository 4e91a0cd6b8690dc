"""What a post is answered before it reaches Kafka."""

import json
from typing import Any, cast

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from services.messages.gateways_in.webhooks import Producer, Webhooks
from shared.settings import Settings, WebhookSettings


async def post(gateway: str, settings: WebhookSettings) -> tuple[int, str]:
    """Post an empty object without a signature; return the status and its text."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [],
        "query_string": b"",
        "path_params": {"gateway": gateway, "company_id": "1", "whatsapp_id": "10"},
    }
    # Neither the database nor Kafka is reached: the post is refused first.
    webhooks = Webhooks(
        Settings(webhooks=settings), cast("AsyncEngine", None), cast("Producer", None)
    )
    answer = await webhooks.receive(Request(scope, receive))
    return answer.status_code, json.loads(bytes(answer.body))["status"]


def build_settings(**members: Any) -> WebhookSettings:
    return WebhookSettings(secret=SecretStr("an operator's"), **members)


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


async def test_other_gateways_need_no_app_secret() -> None:
    answer = await post("waha", build_settings())
    assert answer == (401, "the signature or token is not right")
