"""How many bytes of records a worker process holds at once, whatever waits in Kafka.

Half is for what aiokafka has fetched and not handed over, a quarter for the batch in hand, and one
transaction takes as much as that quarter. Objects and facts made of a record take a multiple.
"""

from collections.abc import Iterator, Sequence

from shared.delivery.decode import Record

BYTES_IN_FLIGHT = 64 * 2**20
USUAL_PARTITIONS = 12  # of a topic
LEAST_FETCH = 65_536  # bytes of a partition; Kafka gives a larger record alone


def of_a_response(bytes_in_flight: int) -> int:
    """Give the most bytes that aiokafka may fetch at once."""
    return bytes_in_flight // 2


def of_a_partition(bytes_in_flight: int, topics: int) -> int:
    """Give the most bytes that it may keep of each partition, so that all of them fit."""
    share = of_a_response(bytes_in_flight) // (topics * USUAL_PARTITIONS)
    return max(share, LEAST_FETCH)


def in_transactions(records: Sequence[Record], bytes_in_flight: int) -> Iterator[list[Record]]:
    """Cut a batch, in its order, into what one transaction takes; a larger record goes alone."""
    most, part, size = bytes_in_flight // 4, list[Record](), 0
    for record in records:
        if part and size + size_of(record) > most:
            yield part
            part, size = [], 0
        part.append(record)
        size += size_of(record)
    if part:
        yield part


def size_of(record: Record) -> int:
    """Count the bytes of a record that it takes from Kafka."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + len(record.key or b"") + headers
