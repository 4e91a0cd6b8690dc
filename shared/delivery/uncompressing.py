"""The content of record batches, uncompressed a few bytes at a time: memory never follows size."""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import cramjam
import lz4.frame
import zstandard
from aiokafka.codec import _detect_xerial_stream
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError

from shared.delivery.snappy import FartherBackError, is_plausible, uncompressed

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
INPUT = 2**18  # bytes of compressed content that are copied at a time
OUTPUT = 2**18  # bytes that lz4 gives at a time
GZIP_FORMAT = 31  # zlib's word for a header and a checksum of gzip
USUAL_WINDOW = 8 * 2**20  # bytes; RFC 8878 wants no more of writers, zstd up to level 19 takes less
LARGEST_WINDOW = 2**27  # bytes; brokers take no larger one either
WIDE_READ = 16 * 2**20  # bytes that are read of a zstd frame with a larger window than the usual
XERIAL_HEADER, XERIAL_SIZE = 16, 4  # bytes: before all blocks, before each
SNAPPY_AT_ONCE = 4 * 2**20  # bytes; a block that is longer is uncompressed by slower code of ours

FAULTS: Final = (zlib.error, EOFError, RuntimeError, cramjam.DecompressionError)


class OutOfReachError(Exception):
    """The rest of a batch can only be uncompressed with more memory than a batch may take."""


class Content(Protocol):
    """The uncompressed bytes of a batch, in their order."""

    def read(self, most: int) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        ...


def content_of(codec: int, body: memoryview) -> Content:
    """Return the content of a batch by the codec's number in its attributes."""
    if codec == GZIP:
        return _Gzip(body)
    if codec == SNAPPY:
        return _Blocks(_snappy_blocks(body))
    if codec == LZ4:
        return _Lz4(body)
    if codec == ZSTD:
        return _Zstd(body)
    if codec:
        raise UnsupportedCodecError(f"Unknown compression codec {codec:#04x}")
    return _Plain(body)


def read_up_to(content: Content, most: int) -> tuple[list[bytes], int]:
    """Return so many bytes, fewer only where the content ends, in parts; and how many they are."""
    parts, size = list[bytes](), 0
    while size < most and (part := content.read(most - size)):
        parts.append(part)
        size += len(part)
    return parts, size


class _Plain:
    def __init__(self, body: memoryview) -> None:
        self._left = body

    def read(self, most: int) -> bytes:
        found, self._left = bytes(self._left[:most]), self._left[most:]
        return found


class _Gzip:
    """One gzip member after another, as Python's own reader takes them."""

    def __init__(self, body: memoryview) -> None:
        self._left = body
        self._given = b""
        self._member = zlib.decompressobj(GZIP_FORMAT)
        self._is_over = False

    def read(self, most: int) -> bytes:
        try:
            return self._read(most)
        except FAULTS as error:
            raise _corrupt(error) from error

    def _read(self, most: int) -> bytes:
        while not self._is_over:
            found = self._member.decompress(self._given or self._next_input(), most)
            self._given = self._member.unconsumed_tail
            if found:
                return found
            if self._member.eof:
                self._begin_another()
            elif not self._given and not self._left:
                raise EOFError("gzip content ends too early")
        return b""

    def _next_input(self) -> bytes:
        given, self._left = bytes(self._left[:INPUT]), self._left[INPUT:]
        return given

    def _begin_another(self) -> None:
        given = self._member.unused_data
        while not (given := given.lstrip(b"\0")) and self._left:
            given = self._next_input()
        self._member, self._given = zlib.decompressobj(GZIP_FORMAT), given
        self._is_over = not given


class _Lz4:
    """One frame; what follows it is left unread, as by every Kafka client."""

    def __init__(self, body: memoryview) -> None:
        self._left = body
        self._frame = lz4.frame.LZ4FrameDecompressor()

    def read(self, most: int) -> bytes:
        try:
            while not self._frame.eof:
                given = b""
                if self._frame.needs_input:
                    if not self._left:
                        raise EOFError("lz4 content ends too early")
                    given, self._left = bytes(self._left[:INPUT]), self._left[INPUT:]
                # Its buffer is as long as is asked for; a long one would be mapped anew each time.
                if found := self._frame.decompress(given, min(most, OUTPUT)):
                    return bytes(found)
        except FAULTS as error:
            raise _corrupt(error) from error
        return b""


class _Zstd:
    """Frames with a usual window are read to their end, others only as far as memory allows.

    A decoder keeps a whole window, but only as much of it in memory as it has written.
    """

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._read = 0
        self._is_wide = False
        self._reader = self._reading(USUAL_WINDOW)

    def read(self, most: int) -> bytes:
        if self._is_wide:
            most = min(most, max(WIDE_READ - self._read, 1))
        try:
            found = self._reader.read(most)
        except zstandard.ZstdError as error:
            if self._is_wide or "too much memory" not in str(error):
                raise _corrupt(error) from error
            self._widen()
            return self.read(most)
        self._read += len(found)
        if self._is_wide and self._read > WIDE_READ:
            raise OutOfReachError(
                f"its record batch is compressed with a zstd window above {USUAL_WINDOW:,} bytes, "
                f"and of such a batch {WIDE_READ:,} bytes are read"
            )
        return found

    def _widen(self) -> None:
        self._is_wide = True
        self._reader = self._reading(LARGEST_WINDOW)
        left = min(self._read, WIDE_READ)
        try:
            while left and (again := self._reader.read(min(left, INPUT))):
                left -= len(again)
        except zstandard.ZstdError as error:
            raise _corrupt(error) from error

    def _reading(self, window: int) -> zstandard.ZstdDecompressionReader:
        decoder = zstandard.ZstdDecompressor(max_window_size=window)
        return decoder.stream_reader(self._body, read_across_frames=True)


class _Blocks:
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = (block for block in blocks if block)
        self._held = b""

    def read(self, most: int) -> bytes:
        try:
            held = self._held or next(self._blocks, b"")
        except FAULTS as error:
            raise _corrupt(error) from error
        found, self._held = held[:most], held[most:]
        return found


def _snappy_blocks(body: memoryview) -> Iterator[bytes]:
    if not _detect_xerial_stream(body):
        yield from _snappy_block(body)
        return
    at = XERIAL_HEADER
    while at < len(body):
        start = at + XERIAL_SIZE
        at = start + int.from_bytes(body[at:start], signed=True)
        if not start <= at <= len(body):
            raise EOFError("snappy content ends too early")
        yield from _snappy_block(body[start:at])


def _snappy_block(block: memoryview) -> Iterator[bytes]:
    size = int(cramjam.snappy.decompress_raw_len(block))
    if not is_plausible(size, len(block)):
        raise EOFError("snappy content cannot be as long as it says")
    if size <= SNAPPY_AT_ONCE:
        yield bytes(cramjam.snappy.decompress_raw(block))
        return
    try:
        yield from uncompressed(bytes(block), size)
    except IndexError as error:
        raise EOFError("snappy content ends too early") from error
    except FartherBackError as error:
        raise OutOfReachError(str(error)) from error


def _corrupt(error: Exception) -> CorruptRecordException:
    return CorruptRecordException(f"Compressed content cannot be read: {error!r}")
