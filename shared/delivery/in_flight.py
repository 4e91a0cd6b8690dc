"""How many bytes of records a worker process holds at once, whatever waits in Kafka.

Half is what one fetch brings, as it was sent, and a quarter may wait meanwhile; a quarter, counted
uncompressed, is for the batch in hand, and one transaction takes as much as that quarter. Objects
and facts made of a record take a multiple.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from shared.delivery.decode import Record
from shared.delivery.replay import claim_of
from shared.delivery.settle import sqlstate_of

TOO_LONG = ("57014", "25P03")  # SQLSTATE: a statement's time, a transaction's idle time is up
MOST_RECORDS = 2**20
BYTES_IN_FLIGHT = 64 * 2**20
USUAL_PARTITIONS = 12  # of a topic
OF_A_HEADER = 100  # bytes of a header beside its name and value, as objects
LEAST_FETCH = 65_536  # bytes of a partition; Kafka gives a larger record alone


def of_a_response(bytes_in_flight: int) -> int:
    """Give the most bytes that aiokafka may fetch at once."""
    return bytes_in_flight // 2


def of_a_partition(bytes_in_flight: int, topics: int) -> int:
    """Give the most bytes that it may keep of each partition, so that all of them fit."""
    share = of_a_response(bytes_in_flight) // (topics * USUAL_PARTITIONS)
    return max(share, LEAST_FETCH)


def of_a_poll(of_a_response: int) -> int:
    """Return the most bytes, uncompressed, that a poll hands over; a larger record comes alone."""
    return of_a_response // 2


class Portions:
    """Cuts batches into what one transaction takes; after one that took too long, into less.

    What the database gives up for its length would take as long again, and again.
    """

    def __init__(self, bytes_in_flight: int) -> None:
        self._bytes_in_flight = bytes_in_flight
        self._most = MOST_RECORDS

    def of(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Cut a batch, in its order."""
        for part in in_transactions(records, self._bytes_in_flight):
            for start in range(0, len(part), self._most):
                yield part[start : start + self._most]

    def went(self, portion: Sequence[Record]) -> None:
        """Dare more when a full portion went through."""
        if len(portion) >= self._most:
            self._most = min(2 * self._most, MOST_RECORDS)

    def failed(self, portion: Sequence[Record], error: Exception) -> None:
        """Halve what took too long; other failures say nothing of size."""
        if isinstance(error, DBAPIError) and sqlstate_of(error) in TOO_LONG:
            self._most = max(len(portion) // 2, 1)


def in_transactions(records: Sequence[Record], bytes_in_flight: int) -> Iterator[list[Record]]:
    """Cut a batch, in its order, into what one transaction takes; a larger record goes alone.

    Two replays of one dead letter are never in one: whether the second is tried depends on how
    the first ended.
    """
    most, part, size, letters = bytes_in_flight // 4, list[Record](), 0, set[int]()
    for record in records:
        claim = claim_of(record)
        letter_id = claim.letter_id if claim else None
        if part and (size + size_of(record) > most or letter_id in letters):
            yield part
            part, size, letters = [], 0, set()
        part.append(record)
        size += size_of(record)
        if letter_id is not None:
            letters.add(letter_id)
    if part:
        yield part


def in_parts(records: Sequence[Record], most: int) -> Iterator[list[Record]]:
    """Cut records, in their order, into parts of at most so many bytes; a larger one is alone."""
    part, size = list[Record](), 0
    for record in records:
        if part and size + size_of(record) > most:
            yield part
            part, size = [], 0
        part.append(record)
        size += size_of(record)
    if part:
        yield part


def size_of(record: Record) -> int:
    """Return the bytes that a record takes in memory, uncompressed."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += OF_A_HEADER + len(name) + len(value or b"")
    return size
