"""`chatia gateway-sim`: a gateway's sending API that sends nothing, for trying things out.

It loses answers, refuses and repeats itself as often as it is told, always alike for a seed.
Numbers that end in 0000 have no WhatsApp.
"""

import asyncio
import hashlib
import hmac
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
from shared.cli.errors import AlreadyRunning, WrongUsage
from shared.cli.options import grouped
from shared.cli.signals import stoppable
from shared.delivery.http import PortTakenError, answering
from shared.gateways.senders import simulated
from shared.gateways.senders.outgoing import JsonObject
from shared.gateways.senders.registry import SENDERS

NO_WHATSAPP = "0000"
LOST_FOR_S = 3_600.0  # longer than anybody waits for an answer
POSTED_WITHIN_S = 10.0


class Gateway(StrEnum):
    """The gateways that can be simulated."""

    EVOLUTION = "evolution"
    WAHA = "waha"
    CLOUD_API = "cloud-api"


@dataclass(frozen=True, slots=True)
class Habits:
    """How often the gateway misbehaves; each is a share of requests from 0 to 1."""

    delay_ms: Annotated[int, typer.Option(min=0, help="Before an answer.")] = 0
    loss: Annotated[float, typer.Option(min=0, max=1, help="Sent, but never answered.")] = 0.0
    errors: Annotated[float, typer.Option(min=0, max=1, help="Refused as too busy.")] = 0.0
    duplicates: Annotated[
        float, typer.Option(min=0, max=1, help="Statuses and echoes posted twice.")
    ] = 0.0
    seed: Annotated[int, typer.Option(help="The same seed, the same misfortunes.")] = 1


@dataclass(frozen=True, slots=True)
class Posts:
    """Where statuses and echoes are posted to, and the token or app secret that signs them."""

    webhook: Annotated[str, typer.Option(help="An http address; none = nothing is posted.")] = ""
    webhook_secret: Annotated[
        str, typer.Option(envvar="CHATIA_GATEWAY_SIM_SECRET", help="The token, or app's secret.")
    ] = ""


@dataclass(slots=True)
class Simulated:
    """One gateway: what it was asked, and what it does."""

    gateway: str
    habits: Habits = field(default_factory=Habits)
    posts: Posts = field(default_factory=Posts)
    sent: list[dict[str, JsonValue]] = field(default_factory=list)
    refused: int = 0
    _dice: Random = field(init=False)
    _began_ms: int = field(init=False)  # in ids, so that no other run's message has the same
    _posting: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _ended: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._began_ms = int(time.time() * 1000)
        self._dice = Random(self.habits.seed)  # noqa: S311 - misfortunes that can be repeated

    @property
    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/sent", self.show, methods=["GET"]),
                Route("/{path:path}", self.take, methods=["POST"]),
            ]
        )

    async def show(self, _: Request) -> Response:
        """Tell what was sent."""
        return JSONResponse({"count": len(self.sent), "refused": self.refused, "sent": self.sent})

    async def take(self, request: Request) -> Response:
        """Take one request to send."""
        try:
            body = json.loads(await request.body())
            heard = simulated.hear(self.gateway, request.url.path, body, int(time.time()))
        except ValueError:
            return JSONResponse({"message": "the body is not JSON"}, 400)
        if heard is None:
            return JSONResponse({"message": "no such address"}, 404)
        if SENDERS[self.gateway].key_header not in request.headers:
            return JSONResponse({"message": "no key"}, 401)
        is_none = heard.to.split("@")[0].endswith(NO_WHATSAPP)
        if is_none or self._dice.random() < self.habits.errors:
            self.refused += 1
            return _answer(simulated.refused(self.gateway, final=is_none))
        wid = heard.asked_id or f"SIM{self._began_ms:X}N{len(self.sent) + 1}"
        self.sent.append({"id": wid, "to": heard.to, "text": heard.text, "sendId": heard.send_id})
        is_lost = self._dice.random() < self.habits.loss
        self._tell(heard, wid)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_FOR_S if is_lost else self.habits.delay_ms / 1000):
                await self._ended.wait()
        return _answer(simulated.taken(self.gateway, heard, wid))

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """Answer on a port until the block ends."""
        async with answering(self.application, port, "--port"):
            try:
                yield
            finally:
                self._ended.set()
                for task in self._posting:
                    task.cancel()
                await asyncio.gather(*self._posting, return_exceptions=True)

    def _tell(self, heard: simulated.Heard, wid: str) -> None:
        if not self.posts.webhook:
            return
        told = [simulated.status(self.gateway, heard, wid, ack) for ack in simulated.ACKS]
        if own := simulated.echo(self.gateway, heard, wid):
            told.insert(0, own)
        doubled = [
            payload
            for payload in told
            for _ in range(1 + (self._dice.random() < self.habits.duplicates))
        ]
        task = asyncio.create_task(self._post(doubled))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, payloads: list[JsonObject]) -> None:
        async with httpx.AsyncClient(timeout=POSTED_WITHIN_S, trust_env=False) as client:
            for payload in payloads:
                body = json.dumps(payload).encode()
                headers = self._signed(body) | {"content-type": "application/json"}
                await client.post(self.posts.webhook, content=body, headers=headers)

    def _signed(self, body: bytes) -> dict[str, str]:
        key = self.posts.webhook_secret
        match self.gateway:
            case "waha":
                return {"X-Webhook-Hmac": hmac.new(key.encode(), body, hashlib.sha512).hexdigest()}
            case "cloud-api":
                digest = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
                return {"X-Hub-Signature-256": f"sha256={digest}"}
            case _:
                return {"Authorization": f"Bearer {key}"}


@grouped
def gateway_sim(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where it answers.")],
    gateway: Annotated[Gateway, typer.Option(help="Whose sending API it is.")],
    habits: Habits,
    posts: Posts,
) -> None:
    """Answer as a gateway's sending API would, send nothing, and tell at /sent what was asked."""
    if posts.webhook and not posts.webhook.startswith(("http://", "https://")):
        raise WrongUsage(f"The webhook {posts.webhook} is no http address.")
    with stoppable():
        try:
            asyncio.run(_run(Simulated(gateway.value, habits, posts), port))
        except PortTakenError as error:
            raise AlreadyRunning(str(error)) from error


async def _run(gateway: Simulated, port: int) -> None:
    async with gateway.serving(port):
        output.say(
            f"A simulated {gateway.gateway} answers at http://localhost:{port}; /sent tells."
        )
        await asyncio.Event().wait()


def _answer(answer: tuple[int, JsonObject]) -> Response:
    code, body = answer
    return JSONResponse(body, code)
