"""Record batches as they are fetched, read so that no record of them stops the others.

aiokafka uncompresses a batch at once, whatever its size, and raises at a header's name that is not
UTF-8; then the partition is fetched again and again, for ever. Here its own parser reads whatever
fits into a piece, and code of ours reads larger batches and such names.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from typing_extensions import override

from shared.delivery import legacy
from shared.delivery.batch_header import BEFORE_BATCH, STRUCT, BatchHeader, number_at
from shared.delivery.header_names import as_text
from shared.delivery.pieces import PIECE, Cutter, Piece
from shared.delivery.too_large import LARGEST, LONGEST_KEPT
from shared.delivery.turns import Turn
from shared.delivery.uncompressing import content_of, read_up_to

BEFORE_LENGTH = 8  # bytes: the base offset
MAGIC_AT = 16  # byte of a batch that says its format
FORMAT_2 = 2


class RecordBatches:
    """The answer to a fetch, as aiokafka's `MemoryRecords`; a large batch comes in pieces.

    Reading can stop after any record and go on in another turn. `waits` says that a turn is over.
    """

    def __init__(self, answer: bytes) -> None:
        self._answer = memoryview(answer)
        self._known: Any = MemoryRecords(answer)
        self._at = 0
        self._batch: Batch | None = None
        self._resumes = False
        self._pieces: Iterator[Piece | None] | None = None
        self._whole: Batch | None = None  # that the pieces are of
        self.size_in_bytes = self._known.size_in_bytes
        self.reads_from = 0
        self.turn = Turn()
        self.waits = False

    def begin(self, turn: Turn) -> None:
        """Go on reading, within what a poll may take."""
        self.turn, self.waits, self._resumes = turn, False, self._batch is not None
        if self._batch is not None:
            self._batch.waits = False

    def take_any_name(self) -> None:
        """Read the batch at hand again, whatever its headers are called."""
        if self._batch is not None:
            self._batch.take_any_name()

    def has_next(self) -> bool:
        """Return whether there is a batch, or a piece of one, to read in this turn."""
        batch, resumes = self._batch, self._resumes
        self._resumes = False
        if resumes:
            return True
        self.waits = self.waits or self.turn.records <= 0 or (batch is not None and batch.waits)
        if self.waits:
            return False
        self._batch = None
        if batch is not None and batch.cutter is not None and batch is not self._whole:
            self._whole, self._pieces = batch, batch.cutter.pieces()
        return self._has_piece() if self._pieces else bool(self._known.has_next())

    def next_batch(self) -> "Batch":
        """Return what is to be read now."""
        self._batch = self._batch or self._fetched()
        self._batch.turn = self.turn
        return self._batch

    def _has_piece(self) -> bool:
        whole = cast("Batch", self._whole)
        cast("Cutter", whole.cutter).turn = self.turn
        for piece in self._pieces or ():
            if piece is None:
                self.waits = True
                return False
            if piece.last_offset >= self.reads_from:
                self._batch = PieceOfBatch(whole, piece)
                return True
        whole.cutter = self._whole = self._pieces = None
        self._batch = whole  # for its last offset, the record of which may be gone
        return True

    def _fetched(self) -> "Batch":
        start = self._at
        length = self._answer[start + BEFORE_LENGTH : start + BEFORE_BATCH]
        self._at = start + BEFORE_BATCH + int.from_bytes(length)
        return Batch(self._known.next_batch(), self._answer[start : self._at], self.reads_from)


class Batch:
    """A batch, uncompressed when it is read: as a whole where it fits a piece, else by a cutter."""

    def __init__(self, batch: Any, content: memoryview, reads_from: int) -> None:  # noqa: ANN401
        self._batch = batch
        self._content = content
        self._reads_from = reads_from
        self._records: Iterator[Any] | None = None
        self._piece = b""
        self._size = 0  # bytes of its records, uncompressed
        self._is_valid: bool | None = None
        self._is_large = False
        self.waits = False
        self.cutter: Cutter | None = None
        self.turn = Turn()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the batch's own
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 - a control record
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        if self._records is None:
            self._records = self._opened()
        return self._counted(self._records or iter(()))

    @property
    def next_offset(self) -> int:
        """Return where reading goes on after this batch, or in it while its pieces are to come."""
        if self.waits or self.cutter is not None:
            return max(self._reads_from, int(self._batch.base_offset))
        return int(self._batch.next_offset)

    def validate_crc(self) -> bool:
        """Return whether the batch, as it was sent, has the checksum that it names."""
        if self._is_valid is None:
            self._is_valid = bool(self._batch.validate_crc())
        return self._is_valid

    def take_any_name(self) -> None:
        """Read again, whatever headers are called; records before the position are passed over."""
        self._records = _named_in_any_way(self._piece)

    def _counted(self, records: Iterator[Any]) -> Iterator[Any]:
        # Counted again when reading goes on in it: what is left may be most of it. Where nothing is
        # left it is not: one that is larger than a turn would end every turn before the next batch.
        for found in records:
            self.turn.records -= self._size
            yield found
            break
        yield from records

    def _opened(self) -> Iterator[Any] | None:
        """Return the records, none while another large batch is read in pieces."""
        magic = self._content[MAGIC_AT]
        if magic < FORMAT_2:
            self._size = LARGEST
            return legacy.records(self._batch, self._content, magic)
        header = BatchHeader.of(self._content)
        if not header.codec and len(self._content) <= PIECE:
            return self._parsed(self._content)
        self.waits = self._is_large and not self.turn.room.is_free
        if self.waits:
            return None
        content = content_of(header.codec, self._content[STRUCT.size :])
        beginning, size = read_up_to(content, PIECE + 1)
        if size <= PIECE:
            return self._parsed(header.piece(beginning, header.count))
        self._is_large = True
        cutter = Cutter(header, content, beginning)
        self.waits = not self.turn.room.take(cutter)
        if self.waits:
            return None
        self.cutter = cutter
        return iter(())

    def _parsed(self, piece: bytes | memoryview) -> Iterator[Any]:
        self._piece = cast("bytes", piece)  # aiokafka's parser reads any buffer
        self._size = len(piece)
        return chain(DefaultRecordBatch(self._piece))  # which begins anew after its end


class PieceOfBatch(Batch):
    """Some records of a batch that is read in pieces."""

    def __init__(self, whole: Batch, piece: Piece) -> None:
        super().__init__(whole, memoryview(b""), 0)
        self._cut = piece
        self._is_valid = True

    @property
    @override
    def next_offset(self) -> int:
        """Return the offset after the last record of the piece."""
        return self._cut.last_offset + 1

    @override
    def _opened(self) -> Iterator[Any]:
        if self._cut.given_up is not None:
            self._size = 2 * LONGEST_KEPT
            return iter((self._cut.given_up,))
        return self._parsed(self._cut.batch)


class _Cursor:
    """Reads numbers and byte strings of a batch, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self) -> int:
        value, self._at = number_at(self._content, self._at)
        return value

    def string(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        start, self._at = self._at, self._at + size
        if self._at > len(self._content):
            raise CorruptRecordException("a record is longer than its batch")
        return self._content[start : self._at]


def _named_in_any_way(content: bytes) -> Iterator[Any]:
    """Read an uncompressed batch of format 2 (KIP-98), whatever its headers are called."""
    head = BatchHeader.of(memoryview(content))
    cursor = _Cursor(bytes(content[STRUCT.size :]))
    by_broker = head.is_time_of_broker
    for _ in range(head.count):
        _length, _attributes = cursor.number(), cursor.number()
        timestamp = head.first_ms + cursor.number()
        offset = head.base_offset + cursor.number()
        key, value = cursor.string(), cursor.string()
        names_and_values = [(cursor.string(), cursor.string()) for _ in range(cursor.number())]
        headers = [(as_text(name or b""), value) for name, value in names_and_values]
        time_ms = head.max_ms if by_broker else timestamp
        yield DefaultRecord(offset, time_ms, int(by_broker), key, value, headers)
