"""Authentication of webhooks: a token per connection, or the gateway's own signature.

The token is derived from one secret, so none is stored. WAHA signs with it (HMAC-SHA512 of the raw
body in `X-Webhook-Hmac`), Meta signs with the secret of its app (HMAC-SHA256,
`X-Hub-Signature-256`), the others send the token itself.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

BEARER = "bearer "


def derive_token(secret: str, gateway: str, company_id: int, whatsapp_id: int) -> str:
    """Return the token of one connection: 64 hexadecimal digits, stable for one secret."""
    message = f"{gateway}/{company_id}/{whatsapp_id}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def is_signed(
    gateway: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str], *,
    token: str, app_secrets: Iterable[str],
) -> bool:  # fmt: skip
    """Return whether a body has a valid signature or this token; headers have lower-case names."""
    match gateway:
        case "cloud-api":
            signature = headers.get("x-hub-signature-256", "").removeprefix("sha256=")
            return any(
                _is_same(signature, _compute_digest(key, body, "sha256")) for key in app_secrets
            )
        case "waha":
            signature = headers.get("x-webhook-hmac", "")
            return _is_same(signature, _compute_digest(token, body, "sha512"))
        case _:
            return has_token(headers, query, token)


def sign(gateway: str, body: bytes, key: str) -> dict[str, str]:
    """Return the headers with which a gateway posts a body; `key` is the token or app's secret."""
    match gateway:
        case "cloud-api":
            return {"X-Hub-Signature-256": f"sha256={_compute_digest(key, body, 'sha256')}"}
        case "waha":
            return {"X-Webhook-Hmac": _compute_digest(key, body, "sha512")}
        case _:
            return {"Authorization": f"Bearer {key}"}


def has_token(headers: Mapping[str, str], query: Mapping[str, str], own: str) -> bool:
    """Return whether a request has the connection's token, in a header or in its URL."""
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(BEARER):
        authorization = authorization[len(BEARER) :]
    return _is_same(authorization.strip() or query.get("token", ""), own)


def _compute_digest(key: str, body: bytes, algorithm: str) -> str:
    return hmac.new(key.encode(), body, algorithm).hexdigest()


def _is_same(value: str, right: str) -> bool:
    return bool(right) and hmac.compare_digest(value.encode("utf-8", "replace"), right.encode())
