"""Secrets in bodies that are kept: looked for by their names, since a body may be broken."""

import re
from collections.abc import Callable
from typing import Final

from shared.gateways.redaction import is_secret
from shared.schema.secret_columns import SECRETS

# A body may be JSON, JSON in a string of JSON, or what is left of it: so names are looked for.
MEMBER = re.compile(rb'(\\*)"([\w.-]{1,60})\1"\s*:\s*')
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"?|\{[^{}]*\}?|\[[^\[\]]*\]?|[^,}\]\s]*', re.DOTALL)

# Stands in a request about rows where a secret was, so that nobody saves nothing in its place.
BLANKED: Final = b"(blanked)"
SECRET_COLUMNS: Final = frozenset(name for names in SECRETS.values() for name in names)


def is_of_requests(topic: str) -> bool:
    """Whether rows are asked for on a topic, and may carry what opens something."""
    return topic.endswith(".requests")


def without_secrets(topic: str, body: bytes | None) -> bytes | None:
    """Blank the values of secret members, however deep their JSON is quoted.

    In requests these are also the secret columns of all tables.
    """
    if body is None:
        return None
    if is_of_requests(topic):
        return _blanked(body, lambda name: name in SECRET_COLUMNS or is_secret(name), BLANKED)
    return _blanked(body, is_secret, b"")


def _blanked(body: bytes, hides: Callable[[str], bool], mark: bytes) -> bytes:
    kept, at = [], 0
    for member in MEMBER.finditer(body):
        slashes, name = member.groups()
        if member.start() >= at and hides(name.decode("ascii", "replace")):
            quote = slashes + b'"'
            kept += [body[at : member.end()], quote, mark, quote]
            at = _end_of_value(body, member.end(), slashes)
    return b"".join([*kept, body[at:]])


def _end_of_value(body: bytes, start: int, slashes: bytes) -> int:
    quote = slashes + b'"'
    if slashes and body.startswith(quote, start):
        end = body.find(quote, start + len(quote))
        return len(body) if end < 0 else end + len(quote)
    value = VALUE.match(body, start)
    return value.end() if value else start
