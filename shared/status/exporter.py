"""The metrics that only the servers know, in the text format of Prometheus."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from shared.contracts.connection import LineStatus
from shared.delivery.dead_letters.reasons import REASONS
from shared.delivery.health.http_server import Message, Receive, Send
from shared.metrics import catalogue, instruments
from shared.metrics.catalogue import OF_THE_DEPLOYMENT, Metric
from shared.schema import SERVICES
from shared.status.figures import Status, WorkerStatus

CACHED_FOR_S: Final = 5.0
OTHER: Final = "other"
LINE_STATUSES: Final[tuple[str, ...]] = get_args(LineStatus)


Sample = tuple[Metric, tuple[str, ...], float | None]  # with the values of its labels


def render_status(status: Status) -> bytes:
    """Return the metrics of a status; a figure that is not known has no sample."""
    registry = CollectorRegistry()
    known = [sample for sample in _list_samples(status) if sample[2] is not None]
    gauges = {
        metric: Gauge(metric.name, metric.meaning, metric.labels, registry=registry)
        for metric in OF_THE_DEPLOYMENT
        if metric.labels or any(sample[0] is metric for sample in known)
    }
    for metric, labels, value in known:
        gauge = gauges[metric].labels(*labels) if labels else gauges[metric]
        gauge.inc(value or 0)  # added, because values outside the closed lists share a sample
    return generate_latest(registry)


def _list_samples(status: Status) -> Iterator[Sample]:
    yield catalogue.SERVER_UP, ("kafka",), status.kafka.is_up
    yield catalogue.SERVER_UP, ("postgres",), status.postgres.is_up
    for service, members in status.members.items():
        yield catalogue.MEMBERS, (service,), members
    for stage in status.stages:
        yield catalogue.BACKLOG, (stage.service, stage.topic), stage.backlog
        yield catalogue.LATENESS, (stage.service, stage.topic), stage.lateness_s
    if status.postgres.is_up:
        yield from _list_zeros()
        yield from _list_rows(status)
        yield catalogue.UNSENT, (), status.oldest_unsent_s
        yield catalogue.PURGES, (), len(status.purges)


def _list_zeros() -> Iterator[Sample]:
    """Yield a 0 for each value of the labels, so that a series does not end at 0."""
    for service in SERVICES:
        for state in WorkerStatus:
            yield catalogue.WORKERS, (service, state), 0
        yield catalogue.DEFERRED, (service,), 0
        yield catalogue.QUARANTINES, (service,), 0
    for name in (*LINE_STATUSES, OTHER):
        yield catalogue.LINES, (name,), 0


def _list_rows(status: Status) -> Iterator[Sample]:
    for worker in status.workers:
        yield catalogue.WORKERS, (worker.service, worker.state), 1
    for company in status.deferred:
        yield catalogue.DEFERRED, (company.service,), 1
    for quarantine in status.quarantines:
        yield catalogue.QUARANTINES, (quarantine.service,), 1
    for letters in status.dead_letters:
        reason = letters.reason if letters.reason in REASONS else OTHER
        yield catalogue.DEAD_LETTERS, (letters.service, reason), letters.count
    for lines in status.lines:
        name = lines.status if lines.status in LINE_STATUSES else OTHER
        yield catalogue.LINES, (name,), lines.count


class Exporter:
    """An ASGI application that answers `/metrics`; the figures are at most five seconds old.

    Scrapes at the same time share one reading.
    """

    def __init__(self, read: Callable[[], Awaitable[Status]]) -> None:
        self._read = read
        self._reading = asyncio.Lock()
        self._text = b""
        self._valid_until = 0.0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method."""
        del receive
        is_found = scope["path"] == "/metrics"
        body = await self._render() if is_found else b"there is /metrics\n"
        headers = [(b"content-type", instruments.CONTENT_TYPE.encode())]
        code = 200 if is_found else 404
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _render(self) -> bytes:
        async with self._reading:
            if time.monotonic() >= self._valid_until:
                self._text = render_status(await self._read())
                self._valid_until = time.monotonic() + CACHED_FOR_S
            return self._text
