"""Streaming decompression of snappy blocks, which no Python library offers."""

from collections.abc import Iterator
from typing import Final

from aiokafka.errors import CorruptRecordException

OUTPUT_BYTES = 2**18  # that are yielded at a time
REACH_BYTES = 2**17  # bytes kept for back-references; compressors use at most 65,536
MOST_RATIO = 22  # a back-reference of three bytes expands to 64
LITERAL: Final = 0
TAG_BITS, LONG_LITERAL = 0b11, 60  # the kind of an element; lengths from which bytes follow


class BackReferenceTooFarError(LookupError):
    """A back-reference to bytes that are no longer kept."""


def is_plausible_size(size: int, compressed: int) -> bool:
    """Return whether a block's declared size is possible for its compressed size."""
    return size <= compressed * MOST_RATIO


def decompress_block(block: bytes, size: int) -> Iterator[bytes]:
    """Yield the content of one block of `size` bytes.

    Raises BackReferenceTooFarError for a back-reference beyond the window, IndexError if the
    block is truncated.
    """
    buffer, yielded, dropped = bytearray(), 0, 0
    at = _find_content(block)
    while at < len(block):
        tag = block[at]
        if tag & TAG_BITS == LITERAL:
            start, at = _locate_literal(block, at)
            buffer += block[start:at]
        else:
            length, distance, at = _read_copy(block, at)
            if len(buffer) < distance <= dropped + len(buffer):
                yield bytes(buffer[yielded:])
                raise BackReferenceTooFarError(
                    f"its snappy block looks more than {REACH_BYTES:,} bytes back"
                )
            _append_copy(buffer, length, distance)
        if len(buffer) - yielded >= OUTPUT_BYTES:
            yield bytes(buffer[yielded:])
            surplus = max(len(buffer) - REACH_BYTES, 0)
            del buffer[:surplus]
            yielded, dropped = len(buffer), dropped + surplus
    if dropped + len(buffer) != size:
        raise CorruptRecordException("a snappy block is not as long as it says")
    yield bytes(buffer[yielded:])


def _find_content(block: bytes) -> int:
    """Return the index after the size that a block begins with."""
    at = 0
    while block[at] & 0x80:
        at += 1
    return at + 1


def _locate_literal(block: bytes, at: int) -> tuple[int, int]:
    """Return where the bytes of a literal begin and end."""
    length, start = block[at] >> 2, at + 1
    if length >= LONG_LITERAL:
        width = length - LONG_LITERAL + 1
        length = int.from_bytes(block[start : start + width], "little")
        start += width
    end = start + length + 1
    if end > len(block):
        raise IndexError
    return start, end


def _read_copy(block: bytes, at: int) -> tuple[int, int, int]:
    """Return length and distance of a back-reference, and the index of the next element."""
    tag = block[at]
    if tag & TAG_BITS == 1:
        return (tag >> 2 & 0b111) + 4, (tag >> 5) << 8 | block[at + 1], at + 2
    width = 2 if tag & TAG_BITS == 2 else 4  # noqa: PLR2004 - the format's own kinds
    end = at + 1 + width
    if end > len(block):
        raise IndexError
    return (tag >> 2) + 1, int.from_bytes(block[at + 1 : end], "little"), end


def _append_copy(buffer: bytearray, length: int, distance: int) -> None:
    if not 0 < distance <= len(buffer):
        raise CorruptRecordException("a snappy block copies what is not there")
    start = len(buffer) - distance
    copied = buffer[start : start + length]
    while len(copied) < length:
        copied += copied[: length - len(copied)]
    buffer += copied
