"""How many bytes of records are held at once."""

from typing import Any

from aiokafka import ConsumerRecord
from sqlalchemy.exc import DBAPIError

from shared.delivery.in_flight import (
    LEAST_FETCH,
    USUAL_PARTITIONS,
    Portions,
    in_transactions,
    of_a_partition,
    of_a_response,
)


def record(offset: int, size: int) -> Any:
    return ConsumerRecord("t", 0, offset, 0, 0, None, b"x" * size, None, 0, 0, ())


def cut(*sizes: int) -> list[list[int]]:
    """Cut records of these sizes, with 100 bytes for a transaction."""
    records = [record(offset, size) for offset, size in enumerate(sizes)]
    return [[found.offset for found in part] for part in in_transactions(records, 400)]


def test_a_batch_that_fits_is_one_transaction() -> None:
    assert cut(50, 50) == [[0, 1]]


def test_a_larger_batch_is_cut_in_its_order() -> None:
    assert cut(60, 60, 40, 1) == [[0], [1, 2], [3]]


def test_a_record_larger_than_a_transaction_goes_alone() -> None:
    assert cut(1, 500, 1) == [[0], [1], [2]]


def test_an_empty_batch_is_no_transaction() -> None:
    assert cut() == []


def test_keys_and_headers_count() -> None:
    heavy: Any = ConsumerRecord("t", 0, 0, 0, 0, b"k" * 60, b"", None, 0, 0, (("h", b"v" * 60),))
    assert len(list(in_transactions([heavy, record(1, 1)], 400))) == 2


def replayed(letter_id: int) -> Any:
    headers = (("chatia-replay-for", b"contacts"), ("chatia-dead-letter-id", b"%d" % letter_id))
    return ConsumerRecord("t", 0, 0, 0, 0, b"k", b"x", None, 0, 0, headers)


def test_two_replays_of_one_letter_are_never_in_one_transaction() -> None:
    first, other, again = replayed(1), replayed(2), replayed(1)
    parts = list(in_transactions([first, other, again, other], 4_000))
    assert parts == [[first, other], [again, other]]


class TimeIsUpError(Exception):
    sqlstate = "57014"


def sizes(portions: Portions, records: int) -> list[int]:
    return [len(part) for part in portions.of([record(n, 1) for n in range(records)])]


def test_what_took_too_long_is_tried_in_halves_and_grows_again() -> None:
    portions = Portions(400)
    whole = [record(n, 1) for n in range(8)]
    portions.failed(whole, DBAPIError("SELECT 1", {}, TimeIsUpError()))
    assert sizes(portions, 8) == [4, 4]
    portions.failed(whole[:4], DBAPIError("SELECT 1", {}, TimeIsUpError()))
    assert sizes(portions, 8) == [2, 2, 2, 2]
    portions.went(whole[:2])
    assert sizes(portions, 8) == [4, 4]


def test_one_record_that_takes_too_long_stays_one() -> None:
    portions = Portions(400)
    portions.failed([record(0, 1)], DBAPIError("SELECT 1", {}, TimeIsUpError()))
    assert sizes(portions, 3) == [1, 1, 1]


def test_an_outage_says_nothing_of_size() -> None:
    portions = Portions(400)
    portions.failed([record(n, 1) for n in range(8)], ConnectionRefusedError())
    assert sizes(portions, 8) == [8]


def test_all_partitions_of_all_topics_share_half_of_the_bytes() -> None:
    whole = 64 * 2**20
    assert of_a_response(whole) == whole // 2
    assert of_a_partition(whole, 2) * 2 * USUAL_PARTITIONS <= whole // 2
    assert of_a_partition(8 * 2**20, 100) == LEAST_FETCH
