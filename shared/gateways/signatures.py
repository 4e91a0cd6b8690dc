"""Who may post for a line: a token for each connection, or the gateway's own signature.

A connection's token is made from one secret, so that nothing secret is stored. WAHA signs with it
(HMAC-SHA512 of the raw body, its documentation's `X-Webhook-Hmac`), Meta signs with its app's
secret (HMAC-SHA256, `X-Hub-Signature-256`), the others send the token itself.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

BEARER = "bearer "


def token(secret: str, gateway: str, company_id: int, whatsapp_id: int) -> str:
    """Make the token of one connection: 64 hexadecimal digits, the same for the same secret."""
    named = f"{gateway}/{company_id}/{whatsapp_id}"
    return hmac.new(secret.encode(), named.encode(), hashlib.sha256).hexdigest()


def is_signed(
    gateway: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str], *, own: str,
    app_secrets: Iterable[str],
) -> bool:  # fmt: skip
    """Tell whether a body was posted by who may; headers have lower-case names."""
    match gateway:
        case "cloud-api":
            given = headers.get("x-hub-signature-256", "").removeprefix("sha256=")
            return any(_same(given, _digest(key, body, "sha256")) for key in app_secrets)
        case "waha":
            return _same(headers.get("x-webhook-hmac", ""), _digest(own, body, "sha512"))
        case _:
            return is_token(headers, query, own)


def is_token(headers: Mapping[str, str], query: Mapping[str, str], own: str) -> bool:
    """Tell whether a request carries the connection's token, as a header or in its address."""
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(BEARER):
        authorization = authorization[len(BEARER) :]
    return _same(authorization.strip() or query.get("token", ""), own)


def _digest(key: str, body: bytes, algorithm: str) -> str:
    return hmac.new(key.encode(), body, algorithm).hexdigest()


def _same(given: str, right: str) -> bool:
    return bool(right) and hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
