"""The reports of workers beside the members of their groups."""

from shared.delivery.kafka.member_identity import MemberIdentity
from shared.status.database import StoredWorker
from shared.status.figures import WorkerStatus
from shared.status.kafka import Member
from shared.status.workers import merge_workers

TOPICS = frozenset({"chatia.message.received"})


def report(worker_id: str = "a", status: str = "ok", age_s: float = 1.0) -> StoredWorker:
    return StoredWorker(worker_id, "tickets", "alpha", 7, "1.2.3", status, [], 6, age_s)


def member(worker_id: str = "a", partitions: int = 12) -> Member:
    return Member("10.0.0.3", MemberIdentity(worker_id, "1.2.3"), TOPICS, partitions)


def test_a_worker_that_reports_and_is_a_member_is_listed_once() -> None:
    (worker,) = merge_workers([report()], {"tickets": [member()]})
    assert (worker.host, worker.process_id, worker.version) == ("alpha", 7, "1.2.3")
    assert (worker.state, worker.is_member) == (WorkerStatus.OK, True)
    assert worker.partitions == 12  # the group knows it before the next report


def test_a_member_of_a_rebalance_has_the_partitions_that_it_reported() -> None:
    during = Member("10.0.0.3", MemberIdentity("a", "1.2.3"), frozenset(), 0)
    assert merge_workers([report()], {"tickets": [during]})[0].partitions == 6


def test_a_killed_worker_is_gone_when_neither_it_nor_its_group_is_heard() -> None:
    (worker,) = merge_workers([report(age_s=12.1)], {"tickets": []})
    assert (worker.state, worker.is_member) == (WorkerStatus.GONE, False)
    assert merge_workers([report(age_s=30.1)], None)[0].state is WorkerStatus.GONE


def test_a_worker_is_not_gone_while_its_reports_come() -> None:
    assert merge_workers([report(age_s=11.9)], {"tickets": []})[0].state is WorkerStatus.OK
    assert merge_workers([report(age_s=29.9)], None)[0].state is WorkerStatus.OK


def test_a_member_whose_reports_are_late_is_not_gone() -> None:
    (worker,) = merge_workers([report(age_s=31.0)], {"tickets": [member()]})
    assert worker.state is WorkerStatus.OK


def test_a_worker_that_waits_is_degraded() -> None:
    (worker,) = merge_workers([report(status="degraded: x")], {"tickets": [member()]})
    assert (worker.state, worker.status) == (WorkerStatus.DEGRADED, "degraded: x")


def test_members_without_a_report_are_listed_by_what_kafka_knows() -> None:
    of_old_version = Member("10.0.0.4", MemberIdentity(), TOPICS, 3)
    workers = merge_workers([report()], {"tickets": [member(), of_old_version, of_old_version]})
    assert [w.state for w in workers] == [WorkerStatus.OK, *[WorkerStatus.UNREPORTED] * 2]
    assert (workers[1].host, workers[1].version, workers[1].partitions) == ("10.0.0.4", "", 3)


def test_membership_is_unknown_if_kafka_does_not_tell() -> None:
    (worker,) = merge_workers([report()], None)
    assert (worker.state, worker.is_member, worker.partitions) == (WorkerStatus.OK, None, 6)
