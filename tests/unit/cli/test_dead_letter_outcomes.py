"""What became of replayed letters: counted in a table, named in JSON, and judged by exit codes."""

import pytest

from shared.cli import dead_letter_outcomes
from shared.cli.dead_letter_outcomes import Fate, Report, Result
from shared.cli.dead_letter_replay import Published
from shared.cli.errors import CheckFailedError, DependencyFailedError


def report_of(*fates: Fate) -> Report:
    return Report({fate.id: fate for fate in fates})


APPLIED = [Fate(i, Result.APPLIED) for i in range(1, 8)]
REJECTED = Fate(9, Result.REJECTED, "unknown-line", "line 10 is not there")
UNDER_WAY = Fate(8, Result.UNDER_WAY)


def test_letters_are_counted_by_outcome_and_reason() -> None:
    assert dead_letter_outcomes.build_rows(report_of(UNDER_WAY, *APPLIED, REJECTED)) == [
        ("applied", "-", 7, "1, 2, 3, 4, 5 …"),
        ("rejected again", "unknown-line", 1, "9"),
        ("still under way", "-", 1, "8"),
    ]


def test_the_outcome_of_each_letter_is_in_the_json() -> None:
    assert dead_letter_outcomes.convert_to_json(report_of(REJECTED, UNDER_WAY)) == [
        {"id": 8, "outcome": "still-under-way"},
        {
            "id": 9,
            "outcome": "rejected-again",
            "reason": "unknown-line",
            "detail": "line 10 is not there",
        },
    ]


def test_before_anything_is_settled_all_are_under_way_or_left_out() -> None:
    report = dead_letter_outcomes.start_report(Published([1, 2], {3: "blanked"}))
    assert [(fate.id, fate.result) for fate in report.fates.values()] == [
        (1, Result.UNDER_WAY),
        (2, Result.UNDER_WAY),
        (3, Result.LEFT_OUT),
    ]


def test_all_applied_is_a_success() -> None:
    dead_letter_outcomes.check_report(report_of(*APPLIED), waited=True)
    dead_letter_outcomes.check_report(report_of(), waited=True)


@pytest.mark.parametrize(
    "result", [Result.REJECTED, Result.LEFT_OUT, Result.DISCARDED, Result.DELETED]
)
def test_a_letter_that_was_not_applied_is_a_failure(result: Result) -> None:
    with pytest.raises(CheckFailedError, match=r"^Not applied: 1 of 9 letters\.$"):
        dead_letter_outcomes.check_report(
            report_of(*APPLIED, UNDER_WAY, Fate(9, result)), waited=True
        )


def test_letters_under_way_are_a_failure_only_if_they_were_waited_for() -> None:
    with pytest.raises(DependencyFailedError, match="Still under way: 1 of 8 letters"):
        dead_letter_outcomes.check_report(report_of(*APPLIED, UNDER_WAY), waited=True)
    dead_letter_outcomes.check_report(report_of(*APPLIED, UNDER_WAY), waited=False)
