"""The counters, gauges and histograms of a worker process, in a registry of its own."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from shared.metrics import catalogue
from shared.metrics.catalogue import Metric

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's; else more metrics

REGISTRY: Final = CollectorRegistry(auto_describe=True)


def _count(metric: Metric) -> Counter:
    return Counter(metric.name, metric.meaning, metric.labels, registry=REGISTRY)


def _gauge(metric: Metric) -> Gauge:
    return Gauge(metric.name, metric.meaning, metric.labels, registry=REGISTRY)


def _histogram(metric: Metric) -> Histogram:
    return Histogram(
        metric.name, metric.meaning, metric.labels, registry=REGISTRY, buckets=BUCKETS_S
    )


BUILD: Final = _gauge(catalogue.BUILD)
BATCHES: Final = _count(catalogue.BATCHES)
RECORDS: Final = _count(catalogue.RECORDS)
FACTS: Final = _count(catalogue.FACTS)
BATCH_SECONDS: Final = _histogram(catalogue.BATCH_SECONDS)
PUBLISH_SECONDS: Final = _histogram(catalogue.PUBLISH_SECONDS)
WAITING: Final = _gauge(catalogue.WAITING)
ASSIGNED: Final = _gauge(catalogue.ASSIGNED)
HALTED: Final = _gauge(catalogue.HALTED)
POSTS: Final = _count(catalogue.POSTS)
SENDS: Final = _count(catalogue.SENDS)


def note_batch(service: str, seconds: float, outcomes: Iterable[tuple[str, int]]) -> None:
    """Count a committed batch: its duration, and its records by outcome."""
    BATCHES.labels(service).inc()
    BATCH_SECONDS.labels(service).observe(seconds)
    for outcome, number in outcomes:
        if outcome in catalogue.OUTCOMES:
            RECORDS.labels(service, outcome).inc(number)


def render() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    return generate_latest(REGISTRY)
