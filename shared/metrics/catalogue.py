"""The closed list of all metrics (docs/metrics.md); a house test compares it with the page.

No label holds a company, a chat or an id: the values of each label are a closed list too, so that
the number of time series does not grow with the number of tenants.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The type of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its name with the unit as its suffix, what is counted, and its labels."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str


SERVICE: Final = ("service",)
OF_A_STAGE: Final = ("service", "topic")

OUTCOMES: Final = (
    "read", "repeated", "skipped", "skipped_by_operator", "lost_time", "deferred", "dead_letters",
)  # fmt: skip

# What a worker knows itself: on its health port.
BUILD: Final = Metric(
    "chatia_build_info",
    Kind.GAUGE,
    "none",
    ("service", "version"),
    "always 1; the version",
)
BATCHES: Final = Metric(
    "chatia_batches_total", Kind.COUNTER, "batches", SERVICE, "committed batches"
)
RECORDS: Final = Metric(
    "chatia_records_total",
    Kind.COUNTER,
    "records",
    ("service", "outcome"),
    "records of committed batches: all that were `read` for the first time, and those that were "
    "`repeated`, `skipped`, `skipped_by_operator`, of a `lost_time`, `deferred` or became "
    "`dead_letters`",
)
FACTS: Final = Metric(
    "chatia_facts_total",
    Kind.COUNTER,
    "records",
    SERVICE,
    "published facts, except those of timers",
)
BATCH_SECONDS: Final = Metric(
    "chatia_batch_duration_seconds",
    Kind.HISTOGRAM,
    "seconds",
    SERVICE,
    "from the beginning of a batch until its facts are published",
)
PUBLISH_SECONDS: Final = Metric(
    "chatia_publish_duration_seconds",
    Kind.HISTOGRAM,
    "seconds",
    SERVICE,
    "until Kafka acknowledged the facts of a batch",
)
WAITING: Final = Metric(
    "chatia_worker_waiting",
    Kind.GAUGE,
    "none",
    ("service", "reason"),
    "1 while the worker waits for the `database`, for `kafka`, for an `internal_error` to be "
    "fixed or for the `recovery` of a database, else 0",
)
ASSIGNED: Final = Metric(
    "chatia_partitions_assigned", Kind.GAUGE, "partitions", SERVICE, "partitions of the worker"
)
HALTED: Final = Metric(
    "chatia_partitions_halted",
    Kind.GAUGE,
    "partitions",
    SERVICE,
    "partitions that the worker does not read until an operator decides",
)
POSTS: Final = Metric(
    "chatia_webhook_posts_total",
    Kind.COUNTER,
    "requests",
    ("code",),
    "answered requests to the webhooks, by HTTP status",
)
SENDS: Final = Metric(
    "chatia_send_attempts_total",
    Kind.COUNTER,
    "requests",
    ("result",),
    "attempts to send through a gateway, by the class of the result: `ok`, `retry`, `pause`, "
    "`unknown`, `final_recipient`, `final_template` ([sending](sending.md))",
)

# What only the servers know: from `chatia metrics`.
SERVER_UP: Final = Metric(
    "chatia_server_up",
    Kind.GAUGE,
    "none",
    ("server",),
    "1 if `kafka` or `postgres` answered in time, else 0; then its figures are missing",
)
BACKLOG: Final = Metric(
    "chatia_backlog_records",
    Kind.GAUGE,
    "records",
    OF_A_STAGE,
    "records in the topic that the service has not read yet, without deferred ones",
)
LATENESS: Final = Metric(
    "chatia_lateness_seconds",
    Kind.GAUGE,
    "seconds",
    OF_A_STAGE,
    "age of the oldest record that the service has not taken yet, deferred ones included; 0 if "
    "there is none",
)
MEMBERS: Final = Metric(
    "chatia_group_members", Kind.GAUGE, "workers", SERVICE, "members of the consumer group"
)
WORKERS: Final = Metric(
    "chatia_workers",
    Kind.GAUGE,
    "workers",
    ("service", "state"),
    "workers: `ok` or `degraded` as they last reported, `gone` ones that left their group and no "
    "longer report, `unreported` members of the group",
)
DEFERRED: Final = Metric(
    "chatia_deferred_companies",
    Kind.GAUGE,
    "companies",
    SERVICE,
    "companies (or Evolution instances) with deferred records",
)
DEAD_LETTERS: Final = Metric(
    "chatia_dead_letters",
    Kind.GAUGE,
    "records",
    ("service", "reason"),
    "open dead letters; `other` is a reason of another version",
)
QUARANTINES: Final = Metric(
    "chatia_quarantined_lines", Kind.GAUGE, "lines", SERVICE, "quarantined lines"
)
UNSENT: Final = Metric(
    "chatia_oldest_unsent_message_seconds",
    Kind.GAUGE,
    "seconds",
    (),
    "age of the oldest send without a result; 0 if there is none",
)
LINES: Final = Metric(
    "chatia_lines",
    Kind.GAUGE,
    "lines",
    ("state",),
    'lines by `"Whatsapps".status`; `other` is a status that gateways do not report',
)
PURGES: Final = Metric(
    "chatia_purges_under_way", Kind.GAUGE, "purges", (), "deletions in steps that have not ended"
)

OF_WORKERS: Final = (
    BUILD, BATCHES, RECORDS, FACTS, BATCH_SECONDS, PUBLISH_SECONDS, WAITING, ASSIGNED, HALTED,
    POSTS, SENDS,
)  # fmt: skip
OF_THE_DEPLOYMENT: Final = (
    SERVER_UP, BACKLOG, LATENESS, MEMBERS, WORKERS, DEFERRED, DEAD_LETTERS, QUARANTINES, UNSENT,
    LINES, PURGES,
)  # fmt: skip
