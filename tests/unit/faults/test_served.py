"""What the audit of a round says about `/ready` and about posts."""

import pytest

from tests.faults.findings import HEALTH, UNANSWERED
from tests.faults.served import Freeze, Post, Served, Status

FREEZE = Freeze("the database", began=100.0, ended=112.0)
WAITING = "degraded: waiting for the database since 2026-08-20T12:00:00Z"


def record_statuses(said_at: float, ok_at: float) -> Served:
    """Return what a worker says five times a second: when it says a freeze, and when ok again."""
    moments = [98 + number / 5 for number in range(200)]
    texts = {at: WAITING if said_at <= at < ok_at else "ok" for at in moments}
    return Served([Status("contacts-1", at, text) for at, text in texts.items()])


def test_a_worker_that_says_the_freeze_and_its_end_in_time_is_no_finding() -> None:
    assert record_statuses(said_at=104.0, ok_at=114.0).list_findings([FREEZE]) == []


@pytest.mark.parametrize(
    ("said_at", "ok_at", "text"),
    [
        pytest.param(1e9, 1e9, "contacts-1 said 'ok' 6.6 s after the database froze", id="never"),
        pytest.param(
            108.0, 114.0, "contacts-1 said 'ok' 6.6 s after the database froze", id="late"
        ),
        pytest.param(
            104.0,
            1e9,
            f"contacts-1 said '{WAITING}', and the database answered again",
            id="for ever",
        ),
    ],
)
def test_a_worker_whose_ready_is_untrue_is_found(said_at: float, ok_at: float, text: str) -> None:
    (finding,) = record_statuses(said_at, ok_at).list_findings([FREEZE])
    assert (finding.kind, finding.text) == (HEALTH, text)


def test_a_worker_that_waits_for_the_other_server_has_not_said_it() -> None:
    served = record_statuses(said_at=104.0, ok_at=114.0)
    findings = served.list_findings([Freeze("Kafka", FREEZE.began, FREEZE.ended)])
    assert [finding.kind for finding in findings] == [HEALTH]


@pytest.mark.parametrize(
    ("seconds", "code", "kinds"),
    [
        pytest.param(3.0, 200, [], id="taken"),
        pytest.param(9.1, 503, [], id="to be posted again"),
        pytest.param(12.1, 200, [UNANSWERED], id="too late"),
        pytest.param(30.0, 0, [UNANSWERED], id="no answer"),
        pytest.param(0.1, 500, [UNANSWERED], id="an error of ours"),
    ],
)
def test_posts_are_answered_in_ten_seconds(seconds: float, code: int, kinds: list[str]) -> None:
    served = Served(posts=[Post("messages-1", 100.0, seconds, code)])
    assert [finding.kind for finding in served.list_findings([])] == kinds
