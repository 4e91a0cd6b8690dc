"""A worker's condition over HTTP: `/ready` for people and dashboards, `/live` for supervisors."""

import json
from collections.abc import Callable

from shared.delivery.http import Message, Receive, Send

OK, NOT_FOUND, UNAVAILABLE = 200, 404, 503


class Probes:
    """An ASGI application of two answers.

    `/ready` is 200 while the worker works and 503 with what it waits for or had to stop; `/live` is
    200 as long as its loops turn, also in an outage, for a restart would mend none.
    """

    def __init__(self, status: Callable[[], str], is_alive: Callable[[], bool]) -> None:
        self._status = status
        self._is_alive = is_alive

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method."""
        del receive
        code, status = self._answer(scope["path"])
        body = json.dumps({"status": status}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, str]:
        if path == "/ready":
            status = self._status()
            return OK if status == "ok" else UNAVAILABLE, status
        if path == "/live":
            return (OK, "ok") if self._is_alive() else (UNAVAILABLE, "stuck: start it again")
        return NOT_FOUND, "there is /ready and /live"
