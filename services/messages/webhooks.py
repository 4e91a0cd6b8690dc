"""Where gateways that do not speak Kafka post what happened: 200 means that Kafka has it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
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

from services.messages.store import lines
from shared import kafka
from shared.contracts.cloudevents import headers
from shared.contracts.gateway import GatewayReceived
from shared.delivery.http import answering
from shared.gateways import registry, signatures
from shared.settings import Settings
from shared.topics import OF_A_PAYLOAD

log = structlog.get_logger("chatia.webhooks")

ADDRESS = "/gateways/{gateway}/{company_id}/{whatsapp_id}"
ID = re.compile(r"[0-9]{1,10}", re.ASCII)
ACKNOWLEDGED_WITHIN_S = 10.0  # Meta waits for some ten seconds, WAHA for thirty
KNOWN_FOR_S = {True: 300.0, False: 5.0}  # lines that exist, and those that do not
LARGEST_ID = 2**31 - 1


class Producer(Protocol):
    """What is needed of aiokafka's producer."""

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> object:
        """Return when Kafka has acknowledged it."""


class Webhooks:
    """Takes posts for lines; which gateway, company and line is in the address."""

    def __init__(self, settings: Settings, engine: AsyncEngine, producer: Producer) -> None:
        self._settings = settings
        self._engine = engine
        self._producer = producer
        self._topic = f"{settings.namespace}.{GatewayReceived.topic}"
        self._source = f"{settings.namespace}/webhooks"
        self._secret = settings.webhook_secret.get_secret_value()
        self._known: dict[tuple[int, int], tuple[bool, float]] = {}

    @property
    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route(ADDRESS, self.receive, methods=["POST"]),
                Route(ADDRESS, self.verify, methods=["GET"]),
            ],
            exception_handlers={ClientDisconnect: _hung_up},
        )

    async def receive(self, request: Request) -> Response:
        """Take one post: 401 unsigned, 404 no such line, 413 too large, 503 Kafka is away."""
        gateway, company_id, whatsapp_id = _named(request)
        if gateway not in registry.GATEWAYS or not self._secret:
            return _answer(404, "no such gateway")
        if max(company_id, whatsapp_id) > LARGEST_ID:
            return _answer(404, "no such line")
        body = await self._body(request)
        if body is None:
            return _answer(413, f"the largest body is {self._settings.webhook_bytes} bytes")
        if not signatures.is_signed(
            gateway, body, request.headers, request.query_params,
            own=signatures.token(self._secret, gateway, company_id, whatsapp_id),
            app_secrets=self._settings.app_secrets(company_id, whatsapp_id),
        ):  # fmt: skip
            return _answer(401, "the signature or token is not right")
        if not await self._is_line(company_id, whatsapp_id):
            return _answer(404, "no such line")
        event = GatewayReceived(
            company_id=company_id, whatsapp_id=whatsapp_id, gateway=gateway,
            received_at=datetime.now(UTC), body=_text(body),
        )  # fmt: skip
        return await self._publish(event)

    async def verify(self, request: Request) -> Response:
        """Answer Meta's question whether this address is ours: its challenge, for our token."""
        gateway, company_id, whatsapp_id = _named(request)
        if gateway != "cloud-api" or not self._secret:
            return _answer(404, "this gateway is not verified")
        own = signatures.token(self._secret, gateway, company_id, whatsapp_id)
        given = {"token": request.query_params.get("hub.verify_token", "")}
        if not signatures.is_token({}, given, own):
            return _answer(401, "hub.verify_token is not right")
        return PlainTextResponse(request.query_params.get("hub.challenge", ""))

    async def _body(self, request: Request) -> bytes | None:
        parts, left = [], self._settings.webhook_bytes
        async for part in request.stream():
            left -= len(part)
            if left < 0:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _is_line(self, company_id: int, whatsapp_id: int) -> bool:
        key = (company_id, whatsapp_id)
        known, until = self._known.get(key, (True, 0.0))
        if time.monotonic() < until:
            return known
        try:
            async with self._engine.connect() as conn:
                known = key in await lines.existing(conn, [key])
        except (OSError, SQLAlchemyError) as error:
            # The token names the line, so an operator has made it; an outage loses no post.
            log.warning("line.unchecked", error=type(error).__name__)
            return True
        self._known[key] = (known, time.monotonic() + KNOWN_FOR_S[known])
        return known

    async def _publish(self, event: GatewayReceived) -> Response:
        attributes = headers(event, id=str(uuid4()), source=self._source, time=event.received_at)
        value = event.model_dump_json(by_alias=True).encode()
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                await self._producer.send_and_wait(
                    self._topic, value, event.key.encode(), headers=attributes
                )
        except MessageSizeTooLargeError:
            return _answer(413, "what it becomes is larger than Kafka takes")
        except (KafkaError, TimeoutError) as error:
            log.warning("post.not_taken", gateway=event.gateway, error=type(error).__name__)
            return _answer(503, "Kafka did not take it; post it again")
        return _answer(200, "taken")


@asynccontextmanager
async def listening(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    """Answer on CHATIA_WEBHOOK_PORT until the block ends; where that is 0, do nothing."""
    if not settings.webhook_port:
        yield
        return
    # Not idempotent: what is posted twice is known by its wid, and no failure is ever final.
    producer = AIOKafkaProducer(
        **kafka.connection(settings.kafka),
        acks="all",
        compression_type="lz4",
        max_request_size=OF_A_PAYLOAD,
    )
    await producer.start()
    try:
        application = Webhooks(settings, engine, producer).application
        async with answering(application, settings.webhook_port, "CHATIA_WEBHOOK_PORT"):
            yield
    finally:
        await kafka.stop(producer)


def _named(request: Request) -> tuple[str, int, int]:
    """Read the address; what is no id there is one that no line can have."""
    named = request.path_params
    ids = (named["company_id"], named["whatsapp_id"])
    company_id, whatsapp_id = (int(i) if ID.fullmatch(i) else LARGEST_ID + 1 for i in ids)
    return named["gateway"], company_id, whatsapp_id


async def _hung_up(_: Request, __: Exception) -> Response:
    return _answer(400, "the body did not come")  # nobody reads it any more


def _text(body: bytes) -> str:
    """Read UTF-8; bytes that are none stay readable, so that a dead letter can be mended."""
    return body.decode("utf-8-sig", "backslashreplace")


def _answer(code: int, status: str) -> Response:
    return JSONResponse({"status": status}, code)
