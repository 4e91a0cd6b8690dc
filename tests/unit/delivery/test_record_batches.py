"""Record batches of any size and codec: small ones as aiokafka reads them, large ones in slices."""

import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count, islice, repeat
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.delivery.kafka.fetching import (
    POLL_WORK_BYTES,
    BoundedFetchResult,
    BoundedPartitionRecords,
    use_budget,
)
from shared.delivery.kafka.poll_budget import LargeBatchSlot, PollBudget
from shared.delivery.kafka.record_batches import RecordBatches
from shared.delivery.kafka.too_large import MAX_HEADERS, MAX_RECORD_BYTES, TooLarge
from tests.support.any_batches import CODECS, batch, built, gzip, record, zstd, zstd_wide
from tests.support.any_records import COMPRESSIONS, AnyRecord

MIB = 2**20
PARTITION = TopicPartition("t", 0)
REST = (None, None, True, 1)  # no deserializers, checksums, read committed
CODEC = pytest.mark.parametrize("name", CODECS)


class Partition:
    """A partition as a consumer keeps it, with one fetch response."""

    active, paused = True, False

    def __init__(
        self, answer: bytes, fetch_offset: int = 0, slot: LargeBatchSlot | None = None
    ) -> None:
        self.position = fetch_offset
        self.slot = slot or LargeBatchSlot()
        unpacked = BoundedPartitionRecords(
            PARTITION, RecordBatches(answer), [], fetch_offset, *REST
        )
        self.result = BoundedFetchResult(
            PARTITION, assignment=self, partition_records=unpacked, backoff=0.1
        )

    def state_value(self, _: TopicPartition) -> "Partition":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position

    def poll(self, records: float = 16 * MIB, most: int | None = 2_000) -> list[Any]:
        """Return the records of one poll."""
        with use_budget(PollBudget(records, POLL_WORK_BYTES, self.slot)):
            found: list[Any] = self.result.getall(most)
        return found

    def polls(self, records: float = 16 * MIB, most: int | None = 2_000) -> Iterator[list[Any]]:
        while self.result.has_more():
            yield self.poll(records, most)

    def all(self) -> list[Any]:
        return [found for polled in self.polls() for found in polled]


def by_aiokafka(answer: bytes, fetch_offset: int = 0) -> list[Any]:
    return list(PartitionRecords(PARTITION, MemoryRecords(answer), [], fetch_offset, *REST))


def body(size: int, part: bytes = b"x" * 2**16) -> Iterator[bytes]:
    yield from repeat(part, size // len(part))
    yield part[: size % len(part)]


def sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sizes(found: list[Any]) -> list[int]:
    return [-1 if isinstance(each.value, TooLarge) else len(each.value) for each in found]


def mixed(name: str, *lengths: int) -> bytes:
    """Build a batch of records whose bodies have these sizes."""
    codec, compress = CODECS[name]
    records = (record(n, b"k%d" % n, body(size), size) for n, size in enumerate(lengths))
    return batch(records, len(lengths), codec, compress)


RECORDS = st.builds(
    AnyRecord,
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=3_000),
    headers=st.lists(
        st.tuples(st.text(max_size=10).map(str.encode), st.none() | st.binary(max_size=30)),
        max_size=4,
    ).map(tuple),
    timestamp_ms=st.integers(0, 2**41),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(RECORDS, min_size=1, max_size=8), st.sampled_from([*COMPRESSIONS.values()])
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 20),
    st.integers(1, 5),
)
def test_small_batches_are_read_as_aiokafka_reads_them(
    batches: list[tuple[list[AnyRecord], int]], fetch_offset: int, most: int
) -> None:
    answer, offset = b"", 0
    for records, codec in batches:
        answer += built(records, codec, offset)
        offset += len(records)
    partition = Partition(answer, fetch_offset)
    assert [r for found in partition.polls(most=most) for r in found] == by_aiokafka(
        answer, fetch_offset
    )
    assert partition.position == max(offset, fetch_offset) or fetch_offset > offset


@CODEC
def test_every_codec_is_read_as_aiokafka_reads_it(name: str) -> None:
    answer = mixed(name, 10, 0, 70_000, 3)
    assert Partition(answer).all() == by_aiokafka(answer)


@CODEC
def test_a_batch_of_a_few_megabytes_is_read_as_aiokafka_reads_it(name: str) -> None:
    answer = mixed(name, *([5_000] * 900), 2 * MIB, 7)
    assert Partition(answer).all() == by_aiokafka(answer)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "zstd, large window"])
def test_a_huge_record_loses_only_its_body(name: str) -> None:
    huge = 40 * MIB
    answer = mixed(name, 100, 200, huge, 300)
    found = Partition(answer).all()
    assert [each.offset for each in found] == [0, 1, 2, 3]
    assert sizes(found) == [100, 200, -1, 300]
    assert found[2].key == b"k2"
    assert (
        f"its body has {huge:,} bytes, SHA-256 {sha256(body(huge))}" in found[2].value.explanation
    )


def test_a_huge_record_has_the_same_marker_whenever_it_is_read() -> None:
    answer, size = mixed("gzip", 1, MAX_RECORD_BYTES + 1, 1), MAX_RECORD_BYTES + 1
    assert Partition(answer, 1).all()[0] == Partition(answer).all()[1]
    assert (
        Partition(answer).all()[1].value
        == (
            f"the record has {size + 11:,} bytes uncompressed; the limit is {MAX_RECORD_BYTES:,}; "
            f"its body has {size:,} bytes, SHA-256 {sha256(body(size))}"
        ).encode()
    )


def test_a_record_of_the_largest_size_is_read() -> None:
    assert sizes(Partition(mixed("gzip", 1, MAX_RECORD_BYTES - 30, 1)).all()) == [
        1,
        MAX_RECORD_BYTES - 30,
        1,
    ]


@CODEC
def test_many_medium_records_come_a_few_at_a_time(name: str) -> None:
    answer = mixed(name, *([MIB] * 30))
    partition = Partition(answer)
    polls = list(partition.polls(4 * MIB))
    assert sum(map(len, polls)) == 30
    assert max(sum(len(each.value) for each in found) for found in polls) <= 5 * MIB


def test_a_batch_can_be_read_from_any_of_its_records() -> None:
    answer = mixed("lz4", *([MIB] * 5), MAX_RECORD_BYTES + 1, 3, 4)
    whole = Partition(answer).all()
    for offset in range(9):
        partition = Partition(answer, offset)
        assert partition.all() == whole[offset:]
        assert partition.position == max(offset, 8)


def test_a_batch_that_is_dropped_half_read_continues_at_its_position() -> None:
    answer = mixed("gzip", *([MIB] * 5), 3 * MAX_RECORD_BYTES, 3)
    whole, found, position = Partition(answer).all(), list[Any](), 0
    while len(found) < len(whole):
        partition = Partition(answer, position)
        while not (polled := partition.poll(MIB)):
            assert partition.position == position
        found, position = found + polled, partition.position
    assert found == whole


def test_memory_does_not_grow_with_size() -> None:
    answer = mixed("gzip", 10, 60 * MIB, *([MIB] * 30), 10)
    partition = Partition(answer)
    tracemalloc.start()
    try:
        assert sum(len(found) for found in partition.polls(2 * MIB)) == 33
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_poll_ends_while_a_huge_record_is_read() -> None:
    polls = list(Partition(mixed("zstd", 4 * POLL_WORK_BYTES, 1)).polls())
    assert [len(found) for found in polls[:3]] == [0, 0, 0]
    assert sum(map(len, polls)) == 2


@CODEC
def test_a_record_that_is_larger_than_a_poll_holds_up_nothing_after_it(name: str) -> None:
    lengths = [10, 5 * MIB, 5 * MIB, 10]
    polls = islice(Partition(mixed(name, *lengths)).polls(4 * MIB), 100)
    assert [len(found.value) for polled in polls for found in polled] == lengths


def test_large_batches_of_one_consumer_are_read_one_after_another() -> None:
    slot = LargeBatchSlot()
    first = Partition(mixed("gzip", *([MIB] * 4)), slot=slot)
    second = Partition(mixed("gzip", *([MIB] * 4)), slot=slot)
    assert len(first.poll(MIB)) == 1
    assert second.poll(MIB) == []
    assert second.result.has_more()
    assert len(first.all()) == 3
    assert len(second.all()) == 4


def test_a_dropped_batch_frees_the_slot() -> None:
    slot = LargeBatchSlot()
    first = Partition(mixed("gzip", *([MIB] * 4)), slot=slot)
    first.poll(MIB)
    first.paused = True
    assert first.poll(MIB) == []
    assert len(Partition(mixed("gzip", *([MIB] * 4)), slot=slot).poll(MIB)) == 1


def test_records_out_of_reach_in_a_large_zstd_window_lose_their_bodies() -> None:
    found = Partition(mixed("zstd, large window", 1, 20 * MIB, 2, 3)).all()
    assert [each.offset for each in found] == [0, 1, 2, 3]
    assert sizes(found) == [1, -1, -1, -1]
    assert "zstd window above 8,388,608 bytes" in found[3].value.explanation


def test_small_batches_with_a_large_window_are_read() -> None:
    answer = batch([record(0, None, body(5 * MIB), 5 * MIB)], 1, 4, zstd_wide)
    assert Partition(answer).all() == by_aiokafka(answer)


def test_a_usual_window_is_read_to_its_end() -> None:
    parts = (n.to_bytes(8) * 2**13 for n in count())
    answer = batch(
        [record(0, None, (next(parts) for _ in range(640)), 40 * MIB), record(1, None, [b"x"], 1)],
        2,
        4,
        zstd,
    )
    assert sizes(Partition(answer).all()) == [-1, 1]


def test_headers_of_a_huge_record_are_kept_as_far_as_they_are_few_bytes() -> None:
    headers = [(b"ce_type", b"x.v1"), (b"n\xff", b"\x00"), (b"big", b"b" * 70_000), (b"no", b"")]
    answer = batch(
        [
            record(0, b"7:8", body(MAX_RECORD_BYTES), MAX_RECORD_BYTES, headers),
            record(1, None, [b"x"], 1),
        ],
        2,
        1,
        gzip,
    )
    huge, small = Partition(answer).all()
    assert huge.headers == (("ce_type", b"x.v1"), ("n\udcff", b"\x00"))
    assert small.value == b"x"


def test_a_record_with_megabytes_of_headers_loses_its_body() -> None:
    headers = [(b"h", b"v" * 2 * MIB)]
    answer = batch([record(0, b"k", [b"body"], 4, headers)], 1, 1, gzip)
    found = Partition(answer).all()
    assert found[0].headers == ()
    assert "the headers have 2,097,1" in found[0].value.explanation
    assert sha256([b"body"]) in found[0].value.explanation


def test_a_record_with_thousands_of_headers_loses_its_body() -> None:
    many = AnyRecord(b"k", b"body", tuple((b"", None) for _ in range(MAX_HEADERS + 1)))
    found = Partition(built([many, AnyRecord(b"k", b"x")], 1)).all()
    assert len(found[0].headers) == MAX_HEADERS
    assert found[0].value.explanation.startswith(
        "the record has 1,001 headers; the limit is 1,000; its"
    )
    assert found[1].value == b"x"


def test_names_of_headers_may_be_any_bytes_in_large_batches_too() -> None:
    odd = ((b"\xff", b"1"), ("título".encode(), None))
    records = [AnyRecord(b"k", b"x" * 9_000, odd if n % 100 == 50 else ()) for n in range(400)]
    for codec in COMPRESSIONS.values():
        found = Partition(built(records, codec)).all()
        assert [each.offset for each in found] == list(range(400))
        assert found[350].headers == (("\udcff", b"1"), ("título", None))


@CODEC
@pytest.mark.parametrize("lengths", [(9, 9), (2 * MIB, 9), (MAX_RECORD_BYTES + 1, 9)])
def test_content_that_ends_too_early_is_an_error_of_kafka(
    name: str, lengths: tuple[int, ...]
) -> None:
    codec, compress = CODECS[name]
    records = [record(n, None, body(size), size) for n, size in enumerate(lengths)]
    answer = batch(records, 2, codec, lambda parts: compress(parts)[:-6])
    partition = Partition(answer)
    with pytest.raises(CorruptRecordException):
        partition.all()
    assert not partition.result.has_more()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([*CODECS]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_corrupt_content_is_an_error_of_kafka_or_some_records(
    name: str, changes: list[tuple[float, int]], is_large: bool
) -> None:
    codec, compress = CODECS[name]
    lengths = (9, 2 * MIB, 9) if is_large else (9, 900, 9)

    def corrupt(parts: Iterable[bytes]) -> bytes:
        content = bytearray(compress(parts))
        for place, change in changes:
            content[int(place * len(content))] ^= change
        return bytes(content)

    records = [record(n, None, body(size), size) for n, size in enumerate(lengths)]
    with suppress(CorruptRecordException):
        Partition(batch(records, 3, codec, corrupt)).all()


def test_a_wrong_checksum_is_an_error_before_anything_is_uncompressed() -> None:
    answer = bytearray(mixed("gzip", 9))
    answer[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        Partition(bytes(answer)).all()


def test_more_bytes_than_records_are_an_error() -> None:
    answer = batch([record(0, None, body(2 * MIB), 2 * MIB), [b"more"]], 1, 1, gzip)
    with pytest.raises(CorruptRecordException, match="unconsumed"):
        Partition(answer).all()


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [0, 1, 2])
def test_old_formats_are_read_as_aiokafka_reads_them(magic: Any, codec: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, codec, 2**20)
    for offset in range(3):
        builder.append(offset, timestamp=7, key=b"k", value=b"v" * 1_000)
    answer = bytes(builder.build())
    assert Partition(answer).all() == by_aiokafka(answer)


@pytest.mark.parametrize("magic", [0, 1])
def test_a_large_set_of_an_old_format_loses_its_body(magic: Any) -> None:
    builder = LegacyRecordBatchBuilder(magic, 1, 2**30)
    for offset in range(20):
        builder.append(offset, timestamp=7, key=b"k", value=b"v" * MIB)
    small = LegacyRecordBatchBuilder(magic, 0, 2**20)
    small.append(0, timestamp=7, key=b"k", value=b"small")
    found = Partition(bytes(builder.build()) + bytes(small.build())).all()
    assert sizes(found)[0] == -1
    assert found[0].value.explanation.startswith("the record has 20,97")
    assert len(by_aiokafka(bytes(small.build()))) == 1
