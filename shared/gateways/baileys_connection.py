"""The states of a line as Baileys and Evolution tell them."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.connection import ConnectionUpdated, LineStatus
from shared.gateways.identity import Kind, address
from shared.gateways.line import Line
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, enumerated, mapping, text

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
    "refused": "TIMEOUT",  # nobody read the QR code in time
}
_QR = ("qr", "qrDataUrl", "qrcode", "pairingCode")
_BESIDE = {
    "reachoutTimeLock": "reachout-time-lock",
    "isOnline": "connection-detail",
    "isNewLogin": "connection-detail",
    "receivedPendingNotifications": "connection-detail",
}


def connection(data: JsonValue, line: Line) -> Iterator[ConnectionUpdated | Ignored | Unreadable]:
    """Read `connection.update` and Evolution's `status.instance`."""
    if not isinstance(data, dict):
        yield Unreadable("data is not a state")
        return
    state = text(data, "connection", "state", "status").strip().lower()
    has_code = any(data.get(name) for name in _QR)
    error = text(data, "error").strip()
    if has_code and state in {"", "connecting"}:
        yield told(line, "qrcode")
    elif state in _STATES:
        yield _changed(data, state, line)
    elif state:
        yield Ignored("unknown-state", state[:40])
    elif error:  # a bridge gives up: another telephone scanned the code, say
        yield told(line, "DISCONNECTED", reason=error)
    yield from _beside(data, is_known=bool(state or error) or has_code)


def qr_code(data: JsonValue, line: Line) -> ConnectionUpdated:
    """Read Evolution's `qrcode.updated`; after the last code it says why there are no more."""
    given = data if isinstance(data, dict) else {}
    if "statusCode" in given:
        return told(line, "TIMEOUT", reason=text(given, "message") or None)
    return told(line, "qrcode")


def told(
    line: Line,
    status: LineStatus,
    at: JsonValue = None,
    reason: str | None = None,
    number: str | None = None,
) -> ConnectionUpdated:
    """Tell that the line is in this state, since then if the gateway says when."""
    since = line.time(at)
    return ConnectionUpdated(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        status=status,
        timestamp=since.at,
        timestamp_estimated=since.is_estimated,
        reason=reason,
        number=number,
    )


def number_of(*jids: str) -> str | None:
    """Give the telephone number among the line's own addresses."""
    known = (address(jid) for jid in jids)
    return next((found.canonical for found in known if found and found.kind is Kind.NUMBER), None)


def _changed(data: JsonObject, state: str, line: Line) -> ConnectionUpdated:
    status = _STATES[state]
    last = mapping(data, "lastDisconnect")
    code = _code(data, last)
    if status == "DISCONNECTED" and code == _LOGGED_OUT:
        status = "PENDING"
    since = last.get("date") if status in {"DISCONNECTED", "PENDING"} else None
    return told(
        line,
        status,
        since or data.get("disconnectionAt"),
        code or text(data, "error").strip() or None,
        number_of(text(data, "wuid"), text(mapping(data, "me"), "id"), text(data, "jid")),
    )


def _code(data: JsonObject, last: JsonObject) -> str:
    """Give the status code of a disconnection; 200 is Evolution's word for none."""
    error = mapping(last, "error")
    codes = (
        data.get("statusReason"),
        data.get("disconnectionReasonCode"),
        mapping(error, "output").get("statusCode"),
        mapping(error, "data").get("statusCode"),
        error.get("statusCode"),
    )
    found = next(filter(None, map(enumerated, codes)), "")
    return "" if found == "200" else found[:40]


def _beside(data: JsonObject, *, is_known: bool) -> Iterator[Ignored]:
    if "reachoutTimeLock" in data:
        lock = mapping(data, "reachoutTimeLock")
        yield Ignored("reachout-time-lock", text(lock, "enforcementType")[:40])
    elif not is_known:
        details = (reason for name, reason in _BESIDE.items() if name in data)
        yield Ignored(next(details, "empty-state"))
