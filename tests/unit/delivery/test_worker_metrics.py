"""What a worker says about itself over HTTP, parsed as Prometheus parses it."""

import asyncio
from collections import Counter

import pytest

from shared.delivery.batch.triage import Count
from shared.delivery.health.counted_answers import count_answers
from shared.delivery.health.halted_partitions import EVERYTHING
from shared.delivery.health.http_server import Message, Receive, Send, serve_http
from shared.delivery.health.probes import Probes
from shared.delivery.health.status import Health, WaitsFor
from shared.delivery.health.worker_state import build_state, render_metrics
from shared.metrics import instruments
from shared.version import VERSION
from tests.support.probes import ask, build_name, free_port, read_samples, scrape

# A service of its own for each test, because the counters of a process are never reset.


def read(name: str, **labels: str) -> float:
    """Return a sample of the registry, 0 if there is none."""
    return instruments.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_worker_at_work_waits_for_nothing() -> None:
    samples = read_samples(render_metrics(build_state("idle", [Health()], 4)).decode())
    assert samples['chatia_partitions_assigned{service="idle"}'] == 4
    assert samples['chatia_partitions_halted{service="idle"}'] == 0
    assert samples[build_name("chatia_build_info", service="idle", version=VERSION)] == 1
    for cause in WaitsFor:
        name = build_name("chatia_worker_waiting", service="idle", reason=cause.name.lower())
        assert samples[name] == 0


def test_each_part_of_a_process_can_wait_and_halt_partitions() -> None:
    main, deferred = Health(), Health()
    main.note_waiting(WaitsFor.KAFKA)
    deferred.note_halted("message.received/3", "retention removed records")
    state = build_state("halted", [main, deferred], 6)
    samples = read_samples(render_metrics(state).decode())
    assert state.status.startswith("degraded: waiting for Kafka since ")
    assert samples['chatia_worker_waiting{reason="kafka",service="halted"}'] == 1
    assert samples['chatia_worker_waiting{reason="database",service="halted"}'] == 0
    assert samples['chatia_partitions_halted{service="halted"}'] == 1


def test_a_worker_that_halted_everything_has_halted_all_its_partitions() -> None:
    health = Health()
    health.note_halted(EVERYTHING, "every record is unreadable")
    assert build_state("stopped", [health], 5).halted_partitions == 5


def test_what_is_no_longer_awaited_is_0_again() -> None:
    health = Health()
    health.note_waiting(WaitsFor.DATABASE)
    render_metrics(build_state("again", [health], 1))
    health.note_work()
    samples = read_samples(render_metrics(build_state("again", [health], 1)).decode())
    assert samples['chatia_worker_waiting{reason="database",service="again"}'] == 0


def test_a_batch_is_counted_with_its_records_by_outcome() -> None:
    counts = Counter({Count.READ: 5, Count.REPEATED: 2, Count.FACTS: 9})
    instruments.note_batch("counted", 0.3, counts.items())
    instruments.note_batch("counted", 0.1, Counter({Count.READ: 1}).items())
    assert read("chatia_batches_total", service="counted") == 2
    assert read("chatia_records_total", service="counted", outcome="read") == 6
    assert read("chatia_records_total", service="counted", outcome="repeated") == 2
    assert read("chatia_records_total", service="counted", outcome="facts") == 0
    assert read("chatia_batch_duration_seconds_bucket", service="counted", le="0.25") == 1
    assert read("chatia_batch_duration_seconds_sum", service="counted") == pytest.approx(0.4)


async def _answer_404(scope: Message, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b'{"status": "no"}'})


async def test_answers_are_counted_by_their_status() -> None:
    port, before = free_port(), read("chatia_webhook_posts_total", code="404")
    async with serve_http(count_answers(_answer_404), port, "CHATIA_WEBHOOK_PORT"):
        assert await asyncio.to_thread(ask, port, "/") == (404, "no")
    assert read("chatia_webhook_posts_total", code="404") == before + 1


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    port, state = free_port(), build_state("served", [Health()], 2)
    probes = Probes(lambda: "ok", lambda: True, lambda: render_metrics(state))
    async with serve_http(probes, port, "CHATIA_HEALTH_PORT"):
        samples = await asyncio.to_thread(scrape, port)
    assert samples['chatia_partitions_assigned{service="served"}'] == 2
