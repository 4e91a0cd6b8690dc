"""Which tenants are noisy."""

from collections import Counter

import pytest

from shared.delivery.fairness.noisy_tenants import FEW_RECORDS, WINDOW_S, NoisyTenantDetector


def test_a_tenant_is_noisy_with_more_than_so_many_times_the_average_of_the_others() -> None:
    detector = NoisyTenantDetector(times=4)
    detector.count(Counter({"1": 100, "2": 100, "9": 400}), 0.0)
    assert detector.find_noisy(0.0) == frozenset()
    detector.count(Counter({"9": 1}), 1.0)
    assert detector.find_noisy(1.0) == {"9"}


def test_a_tenant_with_few_records_is_not_noisy_whatever_the_others_send() -> None:
    detector = NoisyTenantDetector(times=4)
    detector.count(Counter({"1": 1, "9": FEW_RECORDS}), 0.0)
    assert detector.find_noisy(0.0) == frozenset()


def test_records_before_the_window_do_not_count() -> None:
    detector = NoisyTenantDetector(times=4)
    detector.count(Counter({"1": 1, "9": 2 * FEW_RECORDS}), 0.5)
    assert detector.find_noisy(WINDOW_S - 1.0) == {"9"}
    assert detector.find_noisy(WINDOW_S + 1.0) == frozenset()


@pytest.mark.parametrize(
    ("times", "records"), [(4.0, {"9": 1000}), (0.0, {"1": 1, "9": 1000})], ids=["alone", "never"]
)
def test_no_tenant_is_noisy_alone_or_with_times_0(times: float, records: dict[str, int]) -> None:
    detector = NoisyTenantDetector(times)
    detector.count(Counter(records), 0.0)
    assert detector.find_noisy(0.0) == frozenset()
