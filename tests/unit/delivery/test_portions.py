"""Portions of batches, and how many bytes are fetched at once."""

from typing import Any

from aiokafka import ConsumerRecord
from sqlalchemy.exc import DBAPIError

from shared.delivery.batch.portions import Portions, cut_into_transactions
from shared.delivery.kafka.fetch_sizes import (
    LEAST_PARTITION_BYTES,
    USUAL_PARTITIONS,
    compute_partition_bytes,
    compute_response_bytes,
)


def record(offset: int, size: int) -> Any:
    return ConsumerRecord("t", 0, offset, 0, 0, None, b"x" * size, None, 0, 0, ())


def cut(*sizes: int) -> list[list[int]]:
    """Cut records of these sizes, with 100 bytes for a transaction."""
    records = [record(offset, size) for offset, size in enumerate(sizes)]
    return [[each.offset for each in part] for part in cut_into_transactions(records, 400)]


def test_a_batch_that_fits_is_one_transaction() -> None:
    assert cut(50, 50) == [[0, 1]]


def test_a_larger_batch_is_cut_in_its_order() -> None:
    assert cut(60, 60, 40, 1) == [[0], [1, 2], [3]]


def test_a_record_larger_than_a_transaction_is_alone() -> None:
    assert cut(1, 500, 1) == [[0], [1], [2]]


def test_an_empty_batch_is_no_transaction() -> None:
    assert cut() == []


def test_keys_and_headers_count_as_bytes() -> None:
    heavy: Any = ConsumerRecord("t", 0, 0, 0, 0, b"k" * 60, b"", None, 0, 0, (("h", b"v" * 60),))
    assert len(list(cut_into_transactions([heavy, record(1, 1)], 400))) == 2


def replayed(letter_id: int) -> Any:
    headers = (("chatia-replay-for", b"contacts"), ("chatia-dead-letter-id", b"%d" % letter_id))
    return ConsumerRecord("t", 0, 0, 0, 0, b"k", b"x", None, 0, 0, headers)


def test_two_replays_of_one_dead_letter_are_never_in_one_transaction() -> None:
    first, other, again = replayed(1), replayed(2), replayed(1)
    parts = list(cut_into_transactions([first, other, again, other], 4_000))
    assert parts == [[first, other], [again, other]]


class TimeoutOfDatabaseError(Exception):
    sqlstate = "57014"


def sizes(portions: Portions, records: int) -> list[int]:
    return [len(part) for part in portions.cut([record(n, 1) for n in range(records)])]


def test_a_portion_that_timed_out_is_halved_and_grows_again() -> None:
    portions = Portions(400)
    whole = [record(n, 1) for n in range(8)]
    portions.note_failure(whole, DBAPIError("SELECT 1", {}, TimeoutOfDatabaseError()))
    assert sizes(portions, 8) == [4, 4]
    portions.note_failure(whole[:4], DBAPIError("SELECT 1", {}, TimeoutOfDatabaseError()))
    assert sizes(portions, 8) == [2, 2, 2, 2]
    portions.note_success(whole[:2])
    assert sizes(portions, 8) == [4, 4]


def test_a_single_record_that_timed_out_is_not_cut() -> None:
    portions = Portions(400)
    portions.note_failure([record(0, 1)], DBAPIError("SELECT 1", {}, TimeoutOfDatabaseError()))
    assert sizes(portions, 3) == [1, 1, 1]


def test_an_outage_does_not_change_the_size() -> None:
    portions = Portions(400)
    portions.note_failure([record(n, 1) for n in range(8)], ConnectionRefusedError())
    assert sizes(portions, 8) == [8]


def test_all_partitions_of_all_topics_share_half_of_the_bytes() -> None:
    whole = 64 * 2**20
    assert compute_response_bytes(whole) == whole // 2
    assert compute_partition_bytes(whole, 2) * 2 * USUAL_PARTITIONS <= whole // 2
    assert compute_partition_bytes(8 * 2**20, 100) == LEAST_PARTITION_BYTES
