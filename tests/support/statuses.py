"""Statuses of made-up deployments."""

from datetime import UTC, datetime
from typing import Any

from shared.schema import SERVICES
from shared.status.figures import Server, Status, WorkerFigures, WorkerStatus

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)


def build_status(**members: Any) -> Status:
    """Return the status of an idle deployment, with other members where they are given."""
    idle: dict[str, Any] = {
        "at": NOON,
        "namespace": "chatia",
        "kafka": Server("Kafka"),
        "postgres": Server("Postgres"),
        "members": dict.fromkeys(SERVICES, 1),
        "oldest_unsent_s": 0.0,
    }
    return Status(**{**idle, **members})


def build_worker(**members: Any) -> WorkerFigures:
    """Return a worker of tickets that works, with other members where they are given."""
    at_work: dict[str, Any] = {
        "service": "tickets",
        "host": "alpha",
        "process_id": 7,
        "version": "1.2.3",
        "partitions": 6,
        "state": WorkerStatus.OK,
        "status": "ok",
        "halted": (),
        "report_age_s": 2.0,
        "is_member": True,
    }
    return WorkerFigures(**{**at_work, **members})
