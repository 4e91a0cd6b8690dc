"""Builds the requests of cases, signed as the gateway signs."""

from shared.conformance.webhook.case import Post, Target, join_headers
from shared.gateways import signatures

TAKEN = frozenset({200})
REFUSED = frozenset({401})
JSON_TYPE = {"Content-Type": "application/json"}


def build_post(
    target: Target,
    body: bytes,
    *,
    content_type: dict[str, str] = JSON_TYPE,
    more: dict[str, str] | None = None,
    is_chunked: bool = False,
) -> Post:
    """Return a request that the endpoint has to authenticate."""
    signature = signatures.sign(target.gateway, body, target.key)
    headers = join_headers(signature, content_type, more or {})
    return Post(target.url, body, headers, is_chunked=is_chunked)


def is_signing(gateway: str) -> bool:
    """Return whether a gateway signs the body instead of sending its token."""
    return "Authorization" not in signatures.sign(gateway, b"", "x")
