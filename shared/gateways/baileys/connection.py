"""States of a line as Baileys and Evolution report them."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.connection import ConnectionUpdated, LineStatus
from shared.gateways.normalize.connection_updates import build_connection_update, find_number
from shared.gateways.normalize.json_values import JsonObject, read_enum, read_object, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Ignored, Unreadable

_LOGGED_OUT = "401"
_STATES: dict[str, LineStatus] = {
    "open": "CONNECTED",
    "connected": "CONNECTED",
    "connecting": "OPENING",
    "reconnecting": "OPENING",
    "close": "DISCONNECTED",
    "closed": "DISCONNECTED",
    "disconnected": "DISCONNECTED",
    "removed": "DISCONNECTED",
    "disconected": "DISCONNECTED",  # a bridge's own spelling
    "wait_for_qrcode_auth": "qrcode",
    "authenticated": "OPENING",
    "pulling_wa_data": "OPENING",
    "refused": "TIMEOUT",  # nobody scanned the QR code in time
}
_QR = ("qr", "qrDataUrl", "qrcode", "pairingCode")
_BESIDE = {
    "reachoutTimeLock": "reachout-time-lock",
    "isOnline": "connection-detail",
    "isNewLogin": "connection-detail",
    "receivedPendingNotifications": "connection-detail",
}


def translate_connection(
    data: JsonValue, line: Line
) -> Iterator[ConnectionUpdated | Ignored | Unreadable]:
    """Translate `connection.update` and Evolution's `status.instance`."""
    if not isinstance(data, dict):
        yield Unreadable("data is not a state")
        return
    state = read_text(data, "connection", "state", "status").strip().lower()
    has_code = any(data.get(name) for name in _QR)
    error = read_text(data, "error").strip()
    if has_code and state in {"", "connecting"}:
        yield build_connection_update(line, "qrcode", line.read_time())
    elif state in _STATES:
        yield _build_update(data, state, line)
    elif state:
        yield Ignored("unknown-state", state[:40])
    elif error:  # a bridge reports only an error, e.g. another phone scanned the QR code
        yield build_connection_update(line, "DISCONNECTED", line.read_time(), error)
    yield from _ignore_details(data, is_known=bool(state or error) or has_code)


def translate_qr_code(data: JsonValue, line: Line) -> ConnectionUpdated:
    """Translate Evolution's `qrcode.updated`; after the last code it has a `statusCode`."""
    update = data if isinstance(data, dict) else {}
    if "statusCode" in update:
        return build_connection_update(
            line, "TIMEOUT", line.read_time(), read_text(update, "message")
        )
    return build_connection_update(line, "qrcode", line.read_time())


def _build_update(data: JsonObject, state: str, line: Line) -> ConnectionUpdated:
    status = _STATES[state]
    last = read_object(data, "lastDisconnect")
    code = _read_code(data, last)
    if status == "DISCONNECTED" and code == _LOGGED_OUT:
        status = "PENDING"
    since = last.get("date") if status in {"DISCONNECTED", "PENDING"} else None
    return build_connection_update(
        line,
        status,
        line.read_time(since or data.get("disconnectionAt")),
        code or read_text(data, "error").strip() or None,
        find_number(
            read_text(data, "wuid"),
            read_text(read_object(data, "me"), "id"),
            read_text(data, "jid"),
        ),
    )


def _read_code(data: JsonObject, last: JsonObject) -> str:
    """Return the status code of a disconnection, '' for 200, which Evolution writes for none."""
    error = read_object(last, "error")
    codes = (
        data.get("statusReason"),
        data.get("disconnectionReasonCode"),
        read_object(error, "output").get("statusCode"),
        read_object(error, "data").get("statusCode"),
        error.get("statusCode"),
    )
    code = next(filter(None, map(read_enum, codes)), "")
    return "" if code == "200" else code[:40]


def _ignore_details(data: JsonObject, *, is_known: bool) -> Iterator[Ignored]:
    if "reachoutTimeLock" in data:
        lock = read_object(data, "reachoutTimeLock")
        yield Ignored("reachout-time-lock", read_text(lock, "enforcementType")[:40])
    elif not is_known:
        details = (reason for name, reason in _BESIDE.items() if name in data)
        yield Ignored(next(details, "empty-state"))
