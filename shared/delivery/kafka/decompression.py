"""Streaming decompression of record batches, with memory that is independent of their size."""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import cramjam
import lz4.frame
import zstandard
from aiokafka.codec import _detect_xerial_stream
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError

from shared.delivery.kafka.snappy import (
    BackReferenceTooFarError,
    decompress_block,
    is_plausible_size,
)

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
INPUT_BYTES = 2**18  # of compressed content that are copied at a time
OUTPUT_BYTES = 2**18  # that lz4 returns at a time
GZIP_FORMAT = 31  # zlib's `wbits` for a header and a checksum of gzip
USUAL_WINDOW = 8 * 2**20  # bytes; recommended maximum of RFC 8878; zstd levels up to 19 use less
LARGEST_WINDOW = 2**27  # bytes; brokers take no larger one either
WIDE_READ_BYTES = 16 * 2**20  # bytes that are read of a zstd frame with a larger window
XERIAL_HEADER, XERIAL_SIZE = 16, 4  # bytes: before all blocks, before each
SNAPPY_AT_ONCE = 4 * 2**20  # bytes; longer blocks are decompressed by our own, slower code

FAULTS: Final = (zlib.error, EOFError, RuntimeError, cramjam.DecompressionError)


class WindowTooLargeError(Exception):
    """The rest of a batch cannot be decompressed within the memory limit."""


class Content(Protocol):
    """The decompressed bytes of a batch, in their order."""

    def read(self, most: int) -> bytes:
        """Return at most `most` next bytes; empty at the end."""
        ...


def open_content(codec: int, body: memoryview) -> Content:
    """Return the content of a batch, by the number of the codec in its header."""
    if codec == GZIP:
        return _Gzip(body)
    if codec == SNAPPY:
        return _Blocks(_decompress_snappy(body))
    if codec == LZ4:
        return _Lz4(body)
    if codec == ZSTD:
        return _Zstd(body)
    if codec:
        raise UnsupportedCodecError(f"Unknown compression codec {codec:#04x}")
    return _Plain(body)


def read_up_to(content: Content, most: int) -> tuple[list[bytes], int]:
    """Return the next bytes in parts, and their number: `most`, or fewer at the end."""
    parts, size = list[bytes](), 0
    while size < most and (part := content.read(most - size)):
        parts.append(part)
        size += len(part)
    return parts, size


class _Plain:
    def __init__(self, body: memoryview) -> None:
        self._left = body

    def read(self, most: int) -> bytes:
        part, self._left = bytes(self._left[:most]), self._left[most:]
        return part


class _Gzip:
    """Concatenated gzip members, read like Python's `gzip` does."""

    def __init__(self, body: memoryview) -> None:
        self._left = body
        self._input = b""
        self._member = zlib.decompressobj(GZIP_FORMAT)
        self._is_over = False

    def read(self, most: int) -> bytes:
        try:
            return self._read(most)
        except FAULTS as error:
            raise _build_corrupt(error) from error

    def _read(self, most: int) -> bytes:
        while not self._is_over:
            part = self._member.decompress(self._input or self._take_input(), most)
            self._input = self._member.unconsumed_tail
            if part:
                return part
            if self._member.eof:
                self._begin_member()
            elif not self._input and not self._left:
                raise EOFError("gzip content ends too early")
        return b""

    def _take_input(self) -> bytes:
        part, self._left = bytes(self._left[:INPUT_BYTES]), self._left[INPUT_BYTES:]
        return part

    def _begin_member(self) -> None:
        rest = self._member.unused_data
        while not (rest := rest.lstrip(b"\0")) and self._left:
            rest = self._take_input()
        self._member, self._input = zlib.decompressobj(GZIP_FORMAT), rest
        self._is_over = not rest


class _Lz4:
    """One lz4 frame; bytes after it are ignored, as by other Kafka clients."""

    def __init__(self, body: memoryview) -> None:
        self._left = body
        self._frame = lz4.frame.LZ4FrameDecompressor()

    def read(self, most: int) -> bytes:
        try:
            while not self._frame.eof:
                part = b""
                if self._frame.needs_input:
                    if not self._left:
                        raise EOFError("lz4 content ends too early")
                    part, self._left = bytes(self._left[:INPUT_BYTES]), self._left[INPUT_BYTES:]
                # Its buffer has the requested size; a large one would be mapped again each time.
                if output := self._frame.decompress(part, min(most, OUTPUT_BYTES)):
                    return bytes(output)
        except FAULTS as error:
            raise _build_corrupt(error) from error
        return b""


class _Zstd:
    """Frames with a usual window are read to their end, others only as far as memory allows.

    A decoder allocates its whole window, but uses only as much memory as it has filled.
    """

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._read_bytes = 0
        self._is_wide = False
        self._reader = self._open_reader(USUAL_WINDOW)

    def read(self, most: int) -> bytes:
        if self._is_wide:
            most = min(most, max(WIDE_READ_BYTES - self._read_bytes, 1))
        try:
            part = self._reader.read(most)
        except zstandard.ZstdError as error:
            if self._is_wide or "too much memory" not in str(error):
                raise _build_corrupt(error) from error
            self._widen_window()
            return self.read(most)
        self._read_bytes += len(part)
        if self._is_wide and self._read_bytes > WIDE_READ_BYTES:
            raise WindowTooLargeError(
                f"its record batch is compressed with a zstd window above {USUAL_WINDOW:,} bytes, "
                f"and of such a batch {WIDE_READ_BYTES:,} bytes are read"
            )
        return part

    def _widen_window(self) -> None:
        """Restart with a larger window, and skip the bytes that were already returned."""
        self._is_wide = True
        self._reader = self._open_reader(LARGEST_WINDOW)
        left = min(self._read_bytes, WIDE_READ_BYTES)
        try:
            while left and (again := self._reader.read(min(left, INPUT_BYTES))):
                left -= len(again)
        except zstandard.ZstdError as error:
            raise _build_corrupt(error) from error

    def _open_reader(self, window: int) -> zstandard.ZstdDecompressionReader:
        decoder = zstandard.ZstdDecompressor(max_window_size=window)
        return decoder.stream_reader(self._body, read_across_frames=True)


class _Blocks:
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = (block for block in blocks if block)
        self._rest = b""

    def read(self, most: int) -> bytes:
        try:
            block = self._rest or next(self._blocks, b"")
        except FAULTS as error:
            raise _build_corrupt(error) from error
        part, self._rest = block[:most], block[most:]
        return part


def _decompress_snappy(body: memoryview) -> Iterator[bytes]:
    if not _detect_xerial_stream(body):
        yield from _decompress_snappy_block(body)
        return
    at = XERIAL_HEADER
    while at < len(body):
        start = at + XERIAL_SIZE
        at = start + int.from_bytes(body[at:start], signed=True)
        if not start <= at <= len(body):
            raise EOFError("snappy content ends too early")
        yield from _decompress_snappy_block(body[start:at])


def _decompress_snappy_block(block: memoryview) -> Iterator[bytes]:
    size = int(cramjam.snappy.decompress_raw_len(block))
    if not is_plausible_size(size, len(block)):
        raise EOFError("snappy content cannot be as long as it says")
    if size <= SNAPPY_AT_ONCE:
        yield bytes(cramjam.snappy.decompress_raw(block))
        return
    try:
        yield from decompress_block(bytes(block), size)
    except IndexError as error:
        raise EOFError("snappy content ends too early") from error
    except BackReferenceTooFarError as error:
        raise WindowTooLargeError(str(error)) from error


def _build_corrupt(error: Exception) -> CorruptRecordException:
    return CorruptRecordException(f"Compressed content cannot be read: {error!r}")
