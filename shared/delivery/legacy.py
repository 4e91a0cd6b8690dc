"""Message sets of formats 0 and 1: old logs may hold them, though brokers take none any more."""

import hashlib
from collections.abc import Iterator
from typing import Any

from aiokafka.errors import CorruptRecordException

from shared.delivery.too_large import LARGEST, LONGEST_KEPT, GivenUp, too_many_bytes
from shared.delivery.uncompressing import Content, content_of

ATTRIBUTES_AT, KEY_AT = 17, {0: 18, 1: 26}  # bytes of a message, the latter by its format
CODEC_MASK, TIME_OF_BROKER = 0x07, 0x08
SIZE = 4  # bytes before a key or a body
CHUNK = 2**18  # bytes


def records(batch: Any, content: memoryview, magic: int) -> Iterator[Any]:  # noqa: ANN401 - aiokafka's
    """Yield the records of a message, which may be a compressed set of messages.

    For a set with more bytes than the largest record, one stands that is given up.
    """
    codec = content[ATTRIBUTES_AT] & CODEC_MASK
    key, body = _key_and_body(content, KEY_AT[magic])
    size, sha256 = _measured(content_of(codec, body))
    if size <= LARGEST:
        yield from batch
        return
    timestamp_ms = int.from_bytes(content[ATTRIBUTES_AT + 1 : KEY_AT[magic]], signed=True)
    marker = too_many_bytes(size, size, sha256)
    by_broker = int(bool(content[ATTRIBUTES_AT] & TIME_OF_BROKER))
    kept = None if key is None or len(key) > LONGEST_KEPT else bytes(key)
    yield GivenUp(batch.next_offset - 1, timestamp_ms, by_broker, kept, marker)


def _key_and_body(content: memoryview, at: int) -> tuple[memoryview | None, memoryview]:
    found = []
    for _ in range(2):
        start = at + SIZE
        size = int.from_bytes(content[at:start], signed=True)
        at = start + max(size, 0)
        if at > len(content):
            raise CorruptRecordException(f"Found invalid record size {size}")
        found.append(None if size < 0 else content[start:at])
    return found[0], found[1] or memoryview(b"")


def _measured(content: Content) -> tuple[int, str]:
    """Return how many bytes a content has, and its SHA-256 where they are too many."""
    size, digest = 0, hashlib.sha256()
    while chunk := content.read(CHUNK):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()
