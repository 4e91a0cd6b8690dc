"""Growth per day, from the samples that are kept."""

import pytest

from shared.doctor.findings import GB, MB
from shared.doctor.sizes import Growth, Sizes, TableSize, build_sample, compute_growth

DAY_S = 86_400
NOW = 1_800_000_000.0


def build_sizes(megabytes: int, messages: int = 100) -> Sizes:
    total = messages * MB
    tables = [TableSize("Messages", 5, total, 0, 0, total), TableSize("Tags", 5, 9, 0, 0, 9)]
    return Sizes("chatia", NOW, megabytes * MB, tables)


def build_earlier(days: float, megabytes: int, **tables: int) -> dict[str, object]:
    return {"at": NOW - days * DAY_S, "database": megabytes * MB, "tables": tables}


def test_growth_is_that_since_the_oldest_sample_of_a_month() -> None:
    samples = [
        build_earlier(40, 1),
        build_earlier(10, 100, Messages=50 * MB),
        build_earlier(1, 195, Messages=99 * MB),
    ]
    found = compute_growth(samples, build_sizes(200))
    assert found == Growth(10 * DAY_S, 10 * MB, {"Messages": 5 * MB})


def test_a_database_may_get_smaller() -> None:
    found = compute_growth([build_earlier(2, 300)], build_sizes(200))
    assert found
    assert found.database == -50 * MB


@pytest.mark.parametrize("days", [0.01, 31])
def test_a_sample_of_this_hour_or_of_long_ago_says_nothing(days: float) -> None:
    assert compute_growth([build_earlier(days, 100)], build_sizes(200)) is None
    assert compute_growth([], build_sizes(200)) is None


def test_of_small_tables_no_sample_is_kept() -> None:
    sample = build_sample(build_sizes(1024))
    assert sample == {"at": NOW, "database": GB, "tables": {"Messages": 100 * MB}}
