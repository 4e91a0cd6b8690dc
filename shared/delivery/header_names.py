"""Names of headers that are not UTF-8, as text that gives their bytes back."""

UNREADABLE = "surrogateescape"


def as_text(name: bytes) -> str:
    """Return a name as text, decodable or not."""
    return name.decode("utf-8", UNREADABLE)


def as_bytes(name: str) -> bytes:
    """Return the bytes of a name, decodable or not."""
    return name.encode("utf-8", UNREADABLE)


def is_readable(name: str) -> bool:
    """Return whether a name was UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)
