"""`chatia gateway-sim`: a gateway's sending API that sends nothing, for tests.

It loses responses, refuses and repeats events as configured, the same way for the same seed.
Numbers that end in 0000 are not on WhatsApp.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Annotated

import httpx
import typer
from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.cli import output
from shared.cli.errors import ConflictError, InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.signals import stop_on_signals
from shared.delivery.health.http_server import PortTakenError, serve_http
from shared.gateways import signatures
from shared.gateways.senders import simulated
from shared.gateways.senders.outgoing import JsonObject
from shared.gateways.senders.registry import SENDERS

NO_WHATSAPP_SUFFIX = "0000"
LOST_RESPONSE_S = 3_600.0  # longer than any client waits
POST_TIMEOUT_S = 10.0


class Gateway(StrEnum):
    """The gateways that can be simulated."""

    EVOLUTION = "evolution"
    WAHA = "waha"
    CLOUD_API = "cloud-api"


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """Options of faults; shares are of requests, from 0 to 1."""

    delay_ms: Annotated[int, typer.Option(min=0, help="Before an answer.")] = 0
    loss: Annotated[float, typer.Option(min=0, max=1, help="Share sent without a response.")] = 0.0
    errors: Annotated[float, typer.Option(min=0, max=1, help="Share refused with HTTP 429.")] = 0.0
    duplicates: Annotated[
        float, typer.Option(min=0, max=1, help="Statuses and echoes posted twice.")
    ] = 0.0
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 1


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Options of the webhook that receives statuses and echoes."""

    webhook: Annotated[str, typer.Option(help="An http address; none = nothing is posted.")] = ""
    webhook_secret: Annotated[
        str, typer.Option(envvar="CHATIA_GATEWAY_SIM_SECRET", help="The token, or app's secret.")
    ] = ""


@dataclass(slots=True)
class SimulatedGateway:
    """A simulated gateway and the sends that it accepted."""

    gateway: str
    faults: FaultOptions = field(default_factory=FaultOptions)
    webhooks: WebhookOptions = field(default_factory=WebhookOptions)
    sent: list[dict[str, JsonValue]] = field(default_factory=list)
    refused: int = 0
    _random: Random = field(init=False)
    _started_ms: int = field(init=False)  # part of message ids, which are unique across runs
    _posts: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _stopped: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._started_ms = int(time.time() * 1000)
        self._random = Random(self.faults.seed)  # noqa: S311 - reproducible faults

    @property
    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/sent", self.list_sent, methods=["GET"]),
                Route("/{path:path}", self.receive_send, methods=["POST", "PUT", "DELETE"]),
            ]
        )

    async def list_sent(self, _: Request) -> Response:
        """Return what was sent."""
        return JSONResponse({"count": len(self.sent), "refused": self.refused, "sent": self.sent})

    async def receive_send(self, request: Request) -> Response:
        """Answer a request to send."""
        try:
            body = json.loads(await request.body() or b"{}")
            send = simulated.read_send_request(
                self.gateway, request.url.path, body, int(time.time()), request.method
            )
        except ValueError:
            return JSONResponse({"message": "the body is not JSON"}, 400)
        if send is None:
            return JSONResponse({"message": "no such address"}, 404)
        if SENDERS[self.gateway].key_header not in request.headers:
            return JSONResponse({"message": "no key"}, 401)
        has_no_whatsapp = send.to.split("@")[0].endswith(NO_WHATSAPP_SUFFIX)
        if has_no_whatsapp or self._random.random() < self.faults.errors:
            self.refused += 1
            return _build_response(simulated.build_refusal(self.gateway, final=has_no_whatsapp))
        wid = send.requested_wid or f"SIM{self._started_ms:X}N{len(self.sent) + 1}"
        self.sent.append({
            "id": wid, "to": send.to, "text": send.text, "sendId": send.send_id,
            "kind": send.kind, "target": send.target,
        })  # fmt: skip
        is_lost = self._random.random() < self.faults.loss
        if not send.target:
            self._post_events(send, wid)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_RESPONSE_S if is_lost else self.faults.delay_ms / 1000):
                await self._stopped.wait()
        return _build_response(simulated.build_acceptance(self.gateway, send, wid))

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[None]:
        """Serve on a port until the block ends."""
        async with serve_http(self.application, port, "--port"):
            try:
                yield
            finally:
                self._stopped.set()
                for task in self._posts:
                    task.cancel()
                await asyncio.gather(*self._posts, return_exceptions=True)

    def _post_events(self, send: simulated.SendRequest, wid: str) -> None:
        if not self.webhooks.webhook:
            return
        events = [simulated.build_status(self.gateway, send, wid, ack) for ack in simulated.ACKS]
        if own := simulated.build_echo(self.gateway, send, wid):
            events.insert(0, own)
        payloads = [
            payload
            for payload in events
            for _ in range(1 + (self._random.random() < self.faults.duplicates))
        ]
        task = asyncio.create_task(self._post(payloads))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _post(self, payloads: list[JsonObject]) -> None:
        async with httpx.AsyncClient(timeout=POST_TIMEOUT_S, trust_env=False) as client:
            for payload in payloads:
                body = json.dumps(payload).encode()
                signature = signatures.sign(self.gateway, body, self.webhooks.webhook_secret)
                headers = signature | {"content-type": "application/json"}
                await client.post(self.webhooks.webhook, content=body, headers=headers)


@expand_option_groups
def gateway_sim(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where it answers.")],
    gateway: Annotated[Gateway, typer.Option(help="Whose sending API it is.")],
    faults: FaultOptions,
    webhooks: WebhookOptions,
) -> None:
    """Answer like a gateway's sending API, send nothing, and list the requests at /sent."""
    if webhooks.webhook and not webhooks.webhook.startswith(("http://", "https://")):
        raise InvalidUsageError(f"The webhook {webhooks.webhook} is no http address.")
    with stop_on_signals():
        try:
            asyncio.run(_run(SimulatedGateway(gateway.value, faults, webhooks), port))
        except PortTakenError as error:
            raise ConflictError(str(error)) from error


async def _run(gateway: SimulatedGateway, port: int) -> None:
    async with gateway.serve(port):
        output.print_line(
            f"A simulated {gateway.gateway} answers at http://localhost:{port}; /sent tells."
        )
        await asyncio.Event().wait()


def _build_response(response: tuple[int, JsonObject]) -> Response:
    code, body = response
    return JSONResponse(body, code)
