"""Byte limits of fetches and polls, so that a worker's memory does not depend on its lag.

Of CHATIA_BYTES_IN_FLIGHT a fetch response has at most half (compressed), and a quarter may stay
buffered. A poll and a transaction have at most a quarter (decompressed). Python objects and facts
of a record take several times its bytes.
"""

from shared.delivery.kafka.record import Record

BYTES_IN_FLIGHT = 64 * 2**20
USUAL_PARTITIONS = 12  # partitions of a topic
HEADER_OBJECT_BYTES = 100  # of a header beside its name and value
LEAST_PARTITION_BYTES = 65_536  # Kafka returns a larger record alone


def compute_response_bytes(bytes_in_flight: int) -> int:
    """Return the most bytes of one fetch response (`fetch_max_bytes`)."""
    return bytes_in_flight // 2


def compute_partition_bytes(bytes_in_flight: int, topics: int) -> int:
    """Return the most bytes of each partition in a response, so that all of them fit."""
    share = compute_response_bytes(bytes_in_flight) // (topics * USUAL_PARTITIONS)
    return max(share, LEAST_PARTITION_BYTES)


def compute_poll_bytes(response_bytes: int) -> int:
    """Return the most decompressed bytes that a poll returns; a larger record is returned alone."""
    return response_bytes // 2


def measure_record(record: Record) -> int:
    """Return the bytes that a record takes in memory, decompressed."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += HEADER_OBJECT_BYTES + len(name) + len(value or b"")
    return size
