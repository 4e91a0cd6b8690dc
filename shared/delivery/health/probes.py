"""A worker over HTTP: `/ready` for dashboards, `/live` for supervisors, `/metrics`."""

import json
from collections.abc import Callable

from shared.delivery.health.http_server import Message, Receive, Send
from shared.delivery.health.status import WORKING
from shared.metrics import instruments

OK, NOT_FOUND, UNAVAILABLE = 200, 404, 503


class Probes:
    """An ASGI application with three paths.

    `/ready` is 200 if the status is `ok`, else 503: it starts, waits, or has halted something.
    `/live` is 200 while its loops make progress, also in an outage, where a restart cannot help.
    `/metrics` is what `render_metrics` returns, in the text format of Prometheus.
    """

    def __init__(
        self,
        status: Callable[[], str],
        is_alive: Callable[[], bool],
        render_metrics: Callable[[], bytes] = instruments.render,
    ) -> None:
        self._status = status
        self._is_alive = is_alive
        self._render_metrics = render_metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method."""
        del receive
        if scope["path"] == "/metrics":
            code, body, content_type = OK, self._render_metrics(), instruments.CONTENT_TYPE
        else:
            code, status = self._choose_answer(scope["path"])
            body, content_type = json.dumps({"status": status}).encode(), "application/json"
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _choose_answer(self, path: str) -> tuple[int, str]:
        if path == "/ready":
            status = self._status()
            return OK if status == WORKING else UNAVAILABLE, status
        if path == "/live":
            return (OK, WORKING) if self._is_alive() else (UNAVAILABLE, "stuck: start it again")
        return NOT_FOUND, "there is /ready, /live and /metrics"
