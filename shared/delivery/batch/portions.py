"""Splits batches into portions; each portion is one transaction of limited bytes."""

from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from shared.db.errors import read_sqlstate
from shared.delivery.dead_letters.replay import read_claim
from shared.delivery.kafka.fetch_sizes import measure_record
from shared.delivery.kafka.record import Record

TIMEOUTS = ("57014", "25P03")  # SQLSTATE: statement_timeout, idle_in_transaction_session_timeout
MOST_RECORDS = 2**20


class Portions:
    """Splits batches into portions, and makes portions smaller after a database timeout.

    A portion that ran into a timeout would do so again with the same size.
    """

    def __init__(self, bytes_in_flight: int) -> None:
        self._bytes_in_flight = bytes_in_flight
        self._most_records = MOST_RECORDS

    def cut(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Yield the portions of a batch, in its order."""
        for part in cut_into_transactions(records, self._bytes_in_flight):
            for start in range(0, len(part), self._most_records):
                yield part[start : start + self._most_records]

    def note_success(self, portion: Sequence[Record]) -> None:
        """Double the limit after a portion that reached it."""
        if len(portion) >= self._most_records:
            self._most_records = min(2 * self._most_records, MOST_RECORDS)

    def note_failure(self, portion: Sequence[Record], error: Exception) -> None:
        """Halve the limit after a timeout; other errors do not depend on the size."""
        if isinstance(error, DBAPIError) and read_sqlstate(error) in TIMEOUTS:
            self._most_records = max(len(portion) // 2, 1)


def cut_into_transactions(
    records: Sequence[Record], bytes_in_flight: int
) -> Iterator[list[Record]]:
    """Yield parts of at most a quarter of these bytes, in order; a larger record is alone.

    Two replays of one dead letter are never in one part, because the result of the first decides
    whether the second is applied.
    """
    most_bytes, part, size, replayed = bytes_in_flight // 4, list[Record](), 0, set[int]()
    for record in records:
        claim = read_claim(record)
        dead_letter_id = claim.dead_letter_id if claim else None
        if part and (size + measure_record(record) > most_bytes or dead_letter_id in replayed):
            yield part
            part, size, replayed = [], 0, set()
        part.append(record)
        size += measure_record(record)
        if dead_letter_id is not None:
            replayed.add(dead_letter_id)
    if part:
        yield part


def cut_by_bytes(records: Sequence[Record], most_bytes: int) -> Iterator[list[Record]]:
    """Yield parts of at most `most_bytes`, in order; a larger record is alone."""
    part, size = list[Record](), 0
    for record in records:
        if part and size + measure_record(record) > most_bytes:
            yield part
            part, size = [], 0
        part.append(record)
        size += measure_record(record)
    if part:
        yield part
