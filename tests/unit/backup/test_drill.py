"""What a drill calls a failure."""

from datetime import UTC, datetime, timedelta

from shared.backup.continuous.drill import Mark, list_problems
from shared.backup.manifest import TableSum

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
MARKS: list[Mark] = [(number, START + timedelta(seconds=number)) for number in range(5)]
SUMS = {"Contacts": TableSum(rows=3, checksum="17", columns=["id"])}


def test_exactly_the_rows_before_the_point_are_a_success() -> None:
    assert list_problems(MARKS, MARKS, SUMS, SUMS) == []


def test_missing_and_surplus_rows_are_counted() -> None:
    assert list_problems(MARKS, MARKS[:3], {}, {}) == ["2 rows from before the point are missing"]
    assert list_problems(MARKS[:3], MARKS, {}, {}) == ["2 rows from after the point are there"]


def test_a_table_that_nobody_changed_has_to_be_the_same() -> None:
    fewer = {"Contacts": SUMS["Contacts"].model_copy(update={"rows": 2})}
    other = {"Contacts": SUMS["Contacts"].model_copy(update={"checksum": "18"})}
    assert list_problems([], [], SUMS, fewer) == ["Contacts has 2 rows instead of 3"]
    assert list_problems([], [], SUMS, other) == ["Contacts has other values"]
    assert list_problems([], [], SUMS, {}) == ["Contacts has no rows instead of 3"]


def test_a_table_that_others_changed_meanwhile_is_not_compared() -> None:
    assert list_problems([], [], {}, SUMS) == []
