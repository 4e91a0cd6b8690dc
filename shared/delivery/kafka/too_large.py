"""Limits of a record that is held in memory, and the marker that replaces a larger one's body."""

from dataclasses import dataclass

from shared.topics import PAYLOAD_BYTES

MAX_RECORD_BYTES = PAYLOAD_BYTES  # of one record, decompressed
MAX_HEADERS = 1_000  # of one record
MAX_HEADER_BYTES = 3 * 2**19  # bytes; a record with more is too large
MAX_KEPT_BYTES = 65_536  # bytes of key and headers that are kept of a too large record


class TooLarge(bytes):
    """Replaces the body of a too large record by an explanation, as bytes.

    The text is the same whenever the record is read, so that the CRC in a checkpoint matches.
    """

    __slots__ = ()

    @property
    def explanation(self) -> str:
        """Why the body is not kept, with its size in bytes and its SHA-256."""
        return self.decode()


@dataclass(frozen=True, slots=True)
class TooLargeRecord:
    """A record without its body, with the attributes of aiokafka's records."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: TooLarge
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: None = None


def build_size_marker(size: int, body_size: int, sha256: str) -> TooLarge:
    """Build the marker of a record of `size` bytes, with a body of `body_size` bytes."""
    return TooLarge(
        f"the record has {size:,} bytes uncompressed; the limit is {MAX_RECORD_BYTES:,}; "
        f"{_describe_body(body_size, sha256)}".encode()
    )


def build_header_bytes_marker(size: int, body_size: int, sha256: str) -> TooLarge:
    """Build the marker of a record whose headers have `size` bytes."""
    return TooLarge(
        f"the headers have {size:,} bytes; the limit is {MAX_HEADER_BYTES:,}; "
        f"{_describe_body(body_size, sha256)}".encode()
    )


def build_header_count_marker(count: int, body_size: int, sha256: str) -> TooLarge:
    """Build the marker of a record with `count` headers."""
    return TooLarge(
        f"the record has {count:,} headers; the limit is {MAX_HEADERS:,}; "
        f"{_describe_body(body_size, sha256)}".encode()
    )


def build_unreadable_marker(reason: str) -> TooLarge:
    """Build the marker of a record that cannot be decompressed in bounded memory."""
    return TooLarge(f"the record cannot be read: {reason}".encode())


def _describe_body(size: int, sha256: str) -> str:
    return f"its body has {size:,} bytes, SHA-256 {sha256}"
