"""Endpoints for webhooks: a right one, and ones with a fault each, in this process."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from shared.conformance.webhook.case import Target, find_marks
from shared.gateways import signatures

Message = dict[str, Any]
Scope = dict[str, Any]
Faults = frozenset[str]

PATH = re.compile(r"/gateways/([a-z-]+)/([0-9]{1,10})/([0-9]{1,10})", re.ASCII)
HANG_S = 60.0
LARGE = 10_000  # bytes
TAKEN = 200
SIGNATURES = {b"authorization", b"x-webhook-hmac", b"x-hub-signature-256"}


class Endpoint:
    """An ASGI application that takes the payloads of one line, with the faults that it is given."""

    def __init__(self, target: Target, *faults: str) -> None:
        self._target = target
        self._faults = frozenset(faults)
        self._bodies: list[bytes] = []
        self._has_failed = False

    async def list_marks(self) -> set[str]:
        """Return the marks of the payloads that were taken, as topics would show them."""
        return {mark for body in self._bodies for mark in find_marks(body)}

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body = await _read(receive)
        status, text = await self._answer(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": text})

    async def _answer(self, scope: Scope, body: bytes) -> tuple[int, bytes]:
        query = {n: v[0] for n, v in parse_qs(_text(scope["query_string"])).items()}
        if scope["method"] == "GET" and self._target.gateway == "cloud-api":
            right = query.get("hub.verify_token") == self._target.token
            challenge = query.get("hub.challenge", "").encode()
            answer = b"ok" if "no challenge" in self._faults else challenge
            return (200, answer) if right else (403, b"")
        if "takes everything" in self._faults:
            self._bodies.append(body)
            return 200, b""
        status = self._judge(scope, query, body)
        is_taken = status == TAKEN or "takes what it refuses" in self._faults
        if is_taken and "loses payloads" not in self._faults:
            self._bodies.append(body)
        if "hangs on large bodies" in self._faults and len(body) > LARGE:
            await asyncio.sleep(HANG_S)
        return status, b""

    def _judge(self, scope: Scope, query: dict[str, str], body: bytes) -> int:
        match = PATH.fullmatch(scope["path"])
        known = {"baileys", "wppconnect", self._target.gateway}
        if scope["method"] != "POST" or match is None or match[1] not in known:
            return 404
        if max(int(match[2]), int(match[3])) >= 2**31:
            return 404
        if len(body) > self._target.max_bytes and "no largest body" not in self._faults:
            return 413
        if not self._is_authentic(scope, query, body, match.groups()):
            return 401
        return self._fail(body) or TAKEN

    def _fail(self, body: bytes) -> int:
        """Return the status that the faults give a body; 0 for none."""
        if "an error for unknown kinds" in self._faults:
            return 500 if b"later" in body.lower() else 0
        if "refuses null bytes" in self._faults:
            return 400 if b"\\u0000" in body else 0
        if "fails after a deep body" in self._faults:
            self._has_failed |= body.startswith(b"[" * 1_000)
        return 503 if self._has_failed else 0

    def _is_authentic(
        self, scope: Scope, query: dict[str, str], body: bytes, line: tuple[str, ...]
    ) -> bool:
        if "accepts every signature" in self._faults:
            return any(name in SIGNATURES for name, _ in _headers(scope))
        if "accepts every line" not in self._faults and line != (self._target.gateway, "1", "10"):
            return False
        headers = {_text(name): _text(value) for name, value in _headers(scope)}
        gateway = self._target.gateway
        own, secrets = self._target.token, [self._target.key]
        return signatures.is_signed(gateway, body, headers, query, token=own, app_secrets=secrets)


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    return headers


def _text(value: bytes) -> str:
    return value.decode("latin-1")
