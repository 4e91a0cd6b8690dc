"""Bodies that are put together from several words of a message."""

from shared.gateways.normalize.json_values import join_lines
from shared.gateways.normalize.outcome import TypeAndBody


def build_body(media_type: str, *lines: str) -> TypeAndBody | None:
    """Return the media type with the non-blank lines, each one once; None if there is no line."""
    body = join_lines(*lines)
    return (media_type, body) if body else None
