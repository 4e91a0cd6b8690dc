"""Reversible conversion of header names between bytes and text, also if they are not UTF-8."""

UNDECODABLE = "surrogateescape"


def decode_name(name: bytes) -> str:
    """Return a name as text; bytes that are not UTF-8 become surrogates."""
    return name.decode("utf-8", UNDECODABLE)


def encode_name(name: str) -> bytes:
    """Return the bytes of a name that `decode_name` returned."""
    return name.encode("utf-8", UNDECODABLE)


def is_utf8(name: str) -> bool:
    """Return whether the bytes of a name were UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)
