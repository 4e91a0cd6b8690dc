"""The webhook server for gateways; status 200 means that Kafka has acknowledged the payload."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from services.messages.connections.store import find_lines
from services.messages.domain.keys import LineKey
from shared.contracts.cloudevents import build_headers
from shared.contracts.gateway import GatewayReceived
from shared.delivery.health.counted_answers import count_answers
from shared.delivery.health.http_server import serve_http
from shared.delivery.kafka import clients
from shared.delivery.kafka.limits import limit_waiting
from shared.gateways import registry, signatures
from shared.line_keys import LineKeys
from shared.settings import Settings
from shared.topics import PAYLOAD_BYTES

log = structlog.get_logger("chatia.webhooks")

ADDRESS = "/gateways/{gateway}/{company_id}/{whatsapp_id}"
ID = re.compile(r"[0-9]{1,10}", re.ASCII)
ANSWER_WITHIN_S = 9.0  # after the body; Meta waits for some ten seconds, WAHA for thirty
LINE_CHECK_TIMEOUT_S = 2.0
CACHED_FOR_S = {True: 300.0, False: 5.0}  # by whether the line exists
UNCHECKED_FOR_S = 5.0  # after the database did not answer
LARGEST_ID = 2**31 - 1


class Producer(Protocol):
    """The method of aiokafka's producer that the webhooks use."""

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> object:
        """Publish a record; return when Kafka has acknowledged it."""


class Webhooks:
    """The routes for posts; the address names gateway, company and line."""

    def __init__(self, settings: Settings, engine: AsyncEngine, producer: Producer) -> None:
        self._settings = settings
        self._engine = engine
        self._producer = producer
        self._topic = f"{settings.namespace}.{GatewayReceived.topic}"
        self._source = f"{settings.namespace}/webhooks"
        self._secret = settings.webhooks.secret.get_secret_value()
        self._former_secret = settings.webhooks.former_secret.get_secret_value()
        self._with_former_token: set[tuple[str, int, int]] = set()
        self._line_keys = LineKeys(settings)
        self._cached: dict[LineKey, tuple[bool, float]] = {}  # existence, and until when it counts

    @property
    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route(ADDRESS, self.receive, methods=["POST"]),
                Route(ADDRESS, self.verify, methods=["GET"]),
            ],
            exception_handlers={ClientDisconnect: _answer_disconnect},
        )

    async def receive(self, request: Request) -> Response:
        """Publish one payload; 401 wrong token, 404 no such line, 413 too large, 503 not ready.

        Not ready is a Kafka that does not acknowledge, and a cloud-api line without an app secret.
        The answer comes within nine seconds of the end of the body, whichever server is frozen.
        """
        gateway, company_id, whatsapp_id = _parse_address(request)
        if gateway not in registry.GATEWAYS or not self._secret:
            return _answer(404, "no such gateway, or CHATIA_WEBHOOK_SECRET is not set")
        if max(company_id, whatsapp_id) > LARGEST_ID:
            return _answer(404, "no such line")
        body = await self._read_body(request)
        if body is None:
            return _answer(413, f"the largest body is {self._settings.webhooks.max_bytes} bytes")
        deadline = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
        if refusal := self._refuse_unsigned(request, body):
            return refusal
        if not await self._is_line(company_id, whatsapp_id):
            return _answer(404, "no such line")
        event = GatewayReceived(
            company_id=company_id, whatsapp_id=whatsapp_id, gateway=gateway,
            received_at=datetime.now(UTC), body=_decode_body(body),
        )  # fmt: skip
        return await self._publish(event, deadline)

    async def verify(self, request: Request) -> Response:
        """Answer Meta's webhook verification with its challenge, if hub.verify_token is right."""
        gateway, *_ = _parse_address(request)
        if gateway != "cloud-api" or not self._secret:
            return _answer(404, "this gateway is not verified")
        parameters = {"token": request.query_params.get("hub.verify_token", "")}
        if not self._is_authentic(
            request, lambda token: signatures.has_token({}, parameters, token)
        ):
            return _answer(401, "hub.verify_token is not right")
        return PlainTextResponse(request.query_params.get("hub.challenge", ""))

    def _refuse_unsigned(self, request: Request, body: bytes) -> Response | None:
        gateway, company_id, whatsapp_id = _parse_address(request)
        app_secrets = self._line_keys.find_app_secrets(company_id, whatsapp_id)
        if gateway == "cloud-api" and not app_secrets:
            log.warning("post.no_app_secret", company_id=company_id, whatsapp_id=whatsapp_id)
            return _answer(503, _describe_missing_secret(company_id, whatsapp_id))

        def is_signed(token: str) -> bool:
            return signatures.is_signed(
                gateway, body, request.headers, request.query_params,
                token=token, app_secrets=app_secrets,
            )  # fmt: skip

        if self._is_authentic(request, is_signed):
            return None
        return _answer(401, "the signature or token is not right")

    def _is_authentic(self, request: Request, has_token: Callable[[str], bool]) -> bool:
        """Return whether a request has the token of the secret, or of the former one."""
        address = _parse_address(request)
        if has_token(signatures.derive_token(self._secret, *address)):
            return True
        if not self._former_secret or not has_token(
            signatures.derive_token(self._former_secret, *address)
        ):
            return False
        if address not in self._with_former_token:
            self._with_former_token.add(address)
            gateway, company_id, whatsapp_id = address
            log.warning(
                "post.former_token", gateway=gateway, company_id=company_id, whatsapp_id=whatsapp_id
            )
        return True

    async def _read_body(self, request: Request) -> bytes | None:
        parts, left = [], self._settings.webhooks.max_bytes
        async for part in request.stream():
            left -= len(part)
            if left < 0:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _is_line(self, company_id: int, whatsapp_id: int) -> bool:
        key = LineKey(company_id, whatsapp_id)
        exists, until = self._cached.get(key, (True, 0.0))
        if time.monotonic() < until:
            return exists
        try:
            async with asyncio.timeout(LINE_CHECK_TIMEOUT_S), self._engine.connect() as conn:
                exists = key in await find_lines(conn, [key])
        except (OSError, SQLAlchemyError) as error:
            # The token was right, and an operator created it for this line. In an outage of the
            # database the payload is accepted: if its line is unknown, it becomes a dead letter.
            log.warning("line.check_failed", error=type(error).__name__)
            self._cached[key] = (True, time.monotonic() + UNCHECKED_FOR_S)
            return True
        self._cached[key] = (exists, time.monotonic() + CACHED_FOR_S[exists])
        return exists

    async def _publish(self, event: GatewayReceived, deadline: float) -> Response:
        """Publish a payload; `deadline` is a time of the event loop."""
        attributes = build_headers(
            event, id=str(uuid4()), source=self._source, time=event.received_at
        )
        value = event.model_dump_json(by_alias=True).encode()
        try:
            async with asyncio.timeout_at(deadline):
                await self._producer.send_and_wait(
                    self._topic, value, event.key.encode(), headers=attributes
                )
        except MessageSizeTooLargeError:
            return _answer(413, "the payload exceeds the Kafka record limit")
        except (KafkaError, TimeoutError) as error:
            log.warning("post.publish_failed", gateway=event.gateway, error=type(error).__name__)
            return _answer(503, "Kafka did not take it; post it again")
        return _answer(200, "taken")


@asynccontextmanager
async def run_webhooks(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    """Serve on CHATIA_WEBHOOK_PORT until the block ends; port 0 means not at all."""
    if not settings.webhooks.port:
        yield
        return
    # Not idempotent: an idempotent producer cannot recover from some errors, and a duplicate of a
    # payload is harmless.
    producer = AIOKafkaProducer(
        **clients.build_client_arguments(settings.kafka),
        acks="all",
        compression_type="lz4",
        max_request_size=PAYLOAD_BYTES,
    )
    try:
        async with limit_waiting():
            await producer.start()
        application = count_answers(Webhooks(settings, engine, producer).application)
        async with serve_http(application, settings.webhooks.port, "CHATIA_WEBHOOK_PORT"):
            yield
    finally:
        await clients.stop_producer(producer)


def _parse_address(request: Request) -> tuple[str, int, int]:
    """Return gateway, company and line; a part that is not a number becomes an impossible id."""
    parameters = request.path_params
    ids = (parameters["company_id"], parameters["whatsapp_id"])
    company_id, whatsapp_id = (int(i) if ID.fullmatch(i) else LARGEST_ID + 1 for i in ids)
    return parameters["gateway"], company_id, whatsapp_id


def _describe_missing_secret(company_id: int, whatsapp_id: int) -> str:
    return (
        "no secret of a Meta app is configured: set "
        f"CHATIA_CLOUD_API_SECRET_{company_id}_{whatsapp_id} or CHATIA_CLOUD_API_SECRETS"
    )


async def _answer_disconnect(_: Request, __: Exception) -> Response:
    return _answer(400, "the body did not come")  # it has disconnected


def _decode_body(body: bytes) -> str:
    """Decode UTF-8; other bytes are escaped, so that a dead letter shows what was posted."""
    return body.decode("utf-8-sig", "backslashreplace")


def _answer(code: int, status: str) -> Response:
    return JSONResponse({"status": status}, code)
