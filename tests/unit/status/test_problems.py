"""What needs an operator."""

import pytest

from shared.schema import SERVICES
from shared.status.figures import (
    DeadLetterCount,
    QuarantinedLine,
    Server,
    Stage,
    Status,
    WorkerStatus,
)
from shared.status.problems import Limits, find_problems
from tests.support.statuses import NOON, build_status, build_worker

DEGRADED = build_worker(
    state=WorkerStatus.DEGRADED,
    status="degraded: stopped: message.received/3: lost (and 1 more)",
    halted=("message.received/3: lost", "message.received/4: lost"),
)
LETTERS = (DeadLetterCount("contacts", "unknown-line", 2), DeadLetterCount("tickets", "poison", 1))


def test_an_idle_deployment_needs_nobody() -> None:
    assert find_problems(build_status(workers=(build_worker(),)), Limits()) == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (
            build_status(kafka=Server("Kafka", "no answer in time")),
            "Kafka gives no figures: no answer in time.",
        ),
        (
            build_status(members=dict.fromkeys(SERVICES, 1) | {"contacts": 0}),
            "No worker of contacts runs.",
        ),
        (
            build_status(workers=(DEGRADED,)),
            (
                "The tickets worker at alpha (process 7) is degraded: stopped: message.received/3: "
                "lost (and 1 more). Halted: message.received/4: lost."
            ),
        ),
        (
            build_status(workers=(build_worker(report_age_s=31.0),)),
            (
                "A tickets worker at alpha has written no report for 31 s: it waits, and its log "
                "and /ready say for what; `chatia db doctor` examines the database."
            ),
        ),
        (
            build_status(workers=(build_worker(state=WorkerStatus.UNREPORTED, report_age_s=None),)),
            (
                "A tickets worker at alpha has written no report: it waits, and its log and /ready "
                "say for what; `chatia db doctor` examines the database."
            ),
        ),
        (
            build_status(quarantines=(QuarantinedLine("messages", "1:10", "too-deep", NOON),)),
            "messages does not read records of line 1:10: too-deep; `chatia resume`.",
        ),
        (
            build_status(stages=(Stage("contacts", "message.received", 5, 61.0),)),
            "contacts is 61 s late in message.received.",
        ),
        (
            build_status(sends_held_since=NOON),
            f"Sends are held since {NOON:%Y-%m-%d %H:%M:%S} UTC; `chatia sends resume`.",
        ),
        (build_status(oldest_unsent_s=601.0), "The oldest unsent message waits for 601 s."),
    ],
)
def test_each_problem_is_a_sentence(status: Status, sentence: str) -> None:
    assert find_problems(status, Limits()) == [sentence]


def test_without_kafka_the_reports_say_which_service_has_no_worker() -> None:
    workers = [build_worker(service=service) for service in SERVICES if service != "contacts"]
    workers.append(build_worker(service="contacts", state=WorkerStatus.GONE))
    status = build_status(members=dict.fromkeys(SERVICES), workers=tuple(workers))
    assert find_problems(status, Limits()) == ["No worker of contacts runs."]


def test_without_both_servers_nothing_is_said_about_workers() -> None:
    down = {"kafka": Server("Kafka", "x"), "postgres": Server("Postgres", "x")}
    problems = find_problems(build_status(members=dict.fromkeys(SERVICES), **down), Limits())
    assert problems == ["Kafka gives no figures: x.", "Postgres gives no figures: x."]


def test_a_worker_that_is_gone_needs_nobody_while_another_works() -> None:
    gone = build_worker(state=WorkerStatus.GONE, is_member=False)
    assert find_problems(build_status(workers=(build_worker(), gone)), Limits()) == []


def test_unknown_lateness_is_no_lateness() -> None:
    stages = (Stage("contacts", "message.received", None, None),)
    assert find_problems(build_status(stages=stages, oldest_unsent_s=None), Limits()) == []


def test_the_limits_are_those_that_are_given() -> None:
    stages = (Stage("contacts", "message.received", 5, 9.0),)
    status = build_status(stages=stages, oldest_unsent_s=20.0, dead_letters=LETTERS)
    assert find_problems(status, Limits(9, 20, 3)) == []
    assert find_problems(status, Limits(8, 19, 2)) == [
        "contacts is 9 s late in message.received.",
        "The oldest unsent message waits for 20 s.",
        "3 dead letters are open; `chatia dead-letters list`.",
    ]
