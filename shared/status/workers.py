"""Combines the reports of workers with the members of the consumer groups. No clock, no Kafka."""

from collections.abc import Iterable, Mapping, Sequence

from shared.delivery.health.status import WORKING
from shared.status.database import StoredWorker
from shared.status.figures import GONE_AFTER_S, WorkerFigures, WorkerStatus
from shared.status.kafka import Member


def merge_workers(
    reports: Iterable[StoredWorker], members: Mapping[str, Sequence[Member]] | None
) -> list[WorkerFigures]:
    """Return each worker once, ordered by service; `members` is None if Kafka did not tell.

    The partitions of a member are those of its group, which change before the next report.
    """
    of_group = {
        member.identity.worker_id: member for group in (members or {}).values() for member in group
    }
    of_group.pop("", None)
    listed = list(reports)
    merged = [
        _describe_reported(row, of_group.get(row.id), is_told=members is not None) for row in listed
    ]
    known = {row.id for row in listed}
    merged += [
        _describe_unreported(service, member)
        for service, group in (members or {}).items()
        for member in group
        if member.identity.worker_id not in known
    ]
    return sorted(merged, key=lambda worker: worker.service)


def _describe_reported(row: StoredWorker, member: Member | None, *, is_told: bool) -> WorkerFigures:
    if member is None and row.report_age_s > GONE_AFTER_S[is_told]:
        state = WorkerStatus.GONE
    else:
        state = WorkerStatus.OK if row.status == WORKING else WorkerStatus.DEGRADED
    is_assigned = member is not None and member.topics
    return WorkerFigures(
        service=row.service,
        host=row.host,
        process_id=row.process_id,
        version=row.version,
        partitions=member.partitions if member and is_assigned else row.partitions,
        state=state,
        status=row.status,
        halted=row.halted,
        report_age_s=row.report_age_s,
        is_member=(member is not None) if is_told else None,
    )


def _describe_unreported(service: str, member: Member) -> WorkerFigures:
    return WorkerFigures(
        service=service,
        host=member.host,
        process_id=None,
        version=member.identity.version,
        partitions=member.partitions,
        state=WorkerStatus.UNREPORTED,
        status="",
        halted=(),
        report_age_s=None,
        is_member=True,
    )
