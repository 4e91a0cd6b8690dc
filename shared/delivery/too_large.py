"""Records that are too large to be held: how large one may be, and what stands for its body."""

from dataclasses import dataclass

from shared.topics import OF_A_PAYLOAD

LARGEST = OF_A_PAYLOAD  # bytes of one record, uncompressed
MOST_HEADERS = 1_000  # of one record
MOST_HEADER_BYTES = 3 * 2**19  # of one record that is larger than this
LONGEST_KEPT = 65_536  # bytes of a key, and of all headers, of a record that is too large


class TooLarge(bytes):
    """Stands for the body of a record that is too large; its bytes are the sentence that says so.

    The sentence is the same whenever the record is read, so a checkpoint recognises it.
    """

    __slots__ = ()

    @property
    def says(self) -> str:
        """Return why the body is not kept, with its size in bytes and its SHA-256."""
        return self.decode()


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A record without its body, as aiokafka gives records."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: TooLarge
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: None = None


def too_many_bytes(size: int, body_size: int, sha256: str) -> TooLarge:
    """Return what stands for a body of `body_size` bytes in a record of `size` bytes."""
    return TooLarge(
        f"the record has {size:,} bytes uncompressed; the limit is {LARGEST:,}; "
        f"{_body(body_size, sha256)}".encode()
    )


def too_many_header_bytes(size: int, body_size: int, sha256: str) -> TooLarge:
    """Return what stands for the body of a record whose headers have `size` bytes."""
    return TooLarge(
        f"the headers have {size:,} bytes; the limit is {MOST_HEADER_BYTES:,}; "
        f"{_body(body_size, sha256)}".encode()
    )


def too_many_headers(count: int, body_size: int, sha256: str) -> TooLarge:
    """Return what stands for the body of a record with so many headers."""
    return TooLarge(
        f"the record has {count:,} headers; the limit is {MOST_HEADERS:,}; "
        f"{_body(body_size, sha256)}".encode()
    )


def out_of_reach(why: str) -> TooLarge:
    """Return what stands for a body that cannot be uncompressed in bounded memory."""
    return TooLarge(f"the record cannot be read: {why}".encode())


def _body(size: int, sha256: str) -> str:
    return f"its body has {size:,} bytes, SHA-256 {sha256}"
