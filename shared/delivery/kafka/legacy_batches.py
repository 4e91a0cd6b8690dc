"""Reads message sets of formats 0 and 1, which old logs may contain."""

import hashlib
from collections.abc import Iterator
from typing import Any

from aiokafka.errors import CorruptRecordException

from shared.delivery.kafka.decompression import Content, open_content
from shared.delivery.kafka.too_large import (
    MAX_KEPT_BYTES,
    MAX_RECORD_BYTES,
    TooLargeRecord,
    build_size_marker,
)

ATTRIBUTES_AT, KEY_AT = 17, {0: 18, 1: 26}  # bytes of a message, the latter by its format
CODEC_MASK, BROKER_TIME_MASK = 0x07, 0x08
SIZE_BYTES = 4  # bytes of the length before a key or a body
CHUNK_BYTES = 2**18


def read_legacy_records(
    batch: Any,  # noqa: ANN401 - aiokafka's batch, whose records have no common type
    content: memoryview,
    magic: int,
) -> Iterator[Any]:
    """Yield the records of a message, which may be a compressed set of messages.

    A set with more bytes than the largest record is one record without a body.
    """
    codec = content[ATTRIBUTES_AT] & CODEC_MASK
    key, body = _read_key_and_body(content, KEY_AT[magic])
    size, sha256 = _measure(open_content(codec, body))
    if size <= MAX_RECORD_BYTES:
        yield from batch
        return
    timestamp_ms = int.from_bytes(content[ATTRIBUTES_AT + 1 : KEY_AT[magic]], signed=True)
    marker = build_size_marker(size, size, sha256)
    has_broker_time = int(bool(content[ATTRIBUTES_AT] & BROKER_TIME_MASK))
    kept_key = None if key is None or len(key) > MAX_KEPT_BYTES else bytes(key)
    yield TooLargeRecord(batch.next_offset - 1, timestamp_ms, has_broker_time, kept_key, marker)


def _read_key_and_body(content: memoryview, at: int) -> tuple[memoryview | None, memoryview]:
    parts = []
    for _ in range(2):
        start = at + SIZE_BYTES
        size = int.from_bytes(content[at:start], signed=True)
        at = start + max(size, 0)
        if at > len(content):
            raise CorruptRecordException(f"Found invalid record size {size}")
        parts.append(None if size < 0 else content[start:at])
    return parts[0], parts[1] or memoryview(b"")


def _measure(content: Content) -> tuple[int, str]:
    """Return the size of a content in bytes, and its SHA-256."""
    size, digest = 0, hashlib.sha256()
    while chunk := content.read(CHUNK_BYTES):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()
