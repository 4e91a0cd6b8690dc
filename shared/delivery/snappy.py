"""Snappy blocks uncompressed a few bytes at a time; no library for Python does it."""

from collections.abc import Iterator
from typing import Final

from aiokafka.errors import CorruptRecordException

GIVEN = 2**18  # bytes that are given at a time
REACH = 2**17  # bytes behind that are kept; writers look 65,536 bytes back
MOST_RATIO = 22  # three bytes of a copy give 64
LITERAL: Final = 0
TAG_BITS, LONG_LITERAL = 0b11, 60  # the kind of an element; lengths from which bytes follow


class FartherBackError(LookupError):
    """A copy of bytes that are no longer kept."""


def is_plausible(size: int, compressed: int) -> bool:
    """Return whether so many compressed bytes can become as many as a block says."""
    return size <= compressed * MOST_RATIO


def uncompressed(block: bytes, size: int) -> Iterator[bytes]:
    """Yield the content of one block of `size` bytes, element by element.

    Raises FartherBackError for a copy from farther back than writers look, IndexError at an end
    that comes too early.
    """
    held, given, gone = bytearray(), 0, 0
    at = _after_size(block)
    while at < len(block):
        tag = block[at]
        if tag & TAG_BITS == LITERAL:
            start, at = _literal(block, at)
            held += block[start:at]
        else:
            length, offset, at = _copy(block, at)
            if len(held) < offset <= gone + len(held):
                yield bytes(held[given:])
                raise FartherBackError(f"its snappy block looks more than {REACH:,} bytes back")
            _repeat(held, length, offset)
        if len(held) - given >= GIVEN:
            yield bytes(held[given:])
            forgotten = max(len(held) - REACH, 0)
            del held[:forgotten]
            given, gone = len(held), gone + forgotten
    if gone + len(held) != size:
        raise CorruptRecordException("a snappy block is not as long as it says")
    yield bytes(held[given:])


def _after_size(block: bytes) -> int:
    at = 0
    while block[at] & 0x80:
        at += 1
    return at + 1


def _literal(block: bytes, at: int) -> tuple[int, int]:
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


def _copy(block: bytes, at: int) -> tuple[int, int, int]:
    """Return the length of a copy, how far back it begins, and where the next element is."""
    tag = block[at]
    if tag & TAG_BITS == 1:
        return (tag >> 2 & 0b111) + 4, (tag >> 5) << 8 | block[at + 1], at + 2
    width = 2 if tag & TAG_BITS == 2 else 4  # noqa: PLR2004 - the format's own kinds
    end = at + 1 + width
    if end > len(block):
        raise IndexError
    return (tag >> 2) + 1, int.from_bytes(block[at + 1 : end], "little"), end


def _repeat(held: bytearray, length: int, offset: int) -> None:
    if not 0 < offset <= len(held):
        raise CorruptRecordException("a snappy block copies what is not there")
    start = len(held) - offset
    piece = held[start : start + length]
    while len(piece) < length:
        piece += piece[: length - len(piece)]
    held += piece
