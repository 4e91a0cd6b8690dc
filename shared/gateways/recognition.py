"""Recognizes the gateway of a payload by its shape, to refuse a post to another gateway's address.

Only a shape that no other gateway posts counts: a payload that is not recognized is translated by
the gateway in its address.
"""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject, read_object, read_text


def recognize_gateway(payload: JsonValue) -> str | None:
    """Return the name of the gateway that posts payloads of this shape; None if it is not clear."""
    first = payload[0] if isinstance(payload, list) and payload else payload
    if not isinstance(first, dict):
        return None
    return next((gateway for gateway, matches in _SHAPES.items() if matches(first)), None)


def _is_cloud_api(payload: JsonObject) -> bool:
    return payload.get("object") == "whatsapp_business_account" and "entry" in payload


def _is_waha(payload: JsonObject) -> bool:
    # Bridges of whatsapp-web.js may post event, session and payload, too.
    is_envelope = _has_text(payload, "event", "session") and bool(read_object(payload, "payload"))
    return is_envelope and (_has_text(payload, "engine") or "environment" in payload)


def _is_evolution(payload: JsonObject) -> bool:
    is_envelope = _has_text(payload, "event", "instance") and "data" in payload
    return is_envelope and bool(read_text(payload, "apikey", "server_url", "date_time"))


def _is_evolution_go(payload: JsonObject) -> bool:
    has_names = _has_text(payload, "event", "instanceName") or _has_text(payload, "instanceToken")
    return has_names and "data" in payload


def _is_whatsapp_web_js(payload: JsonObject) -> bool:
    if _has_text(payload, "dataType", "sessionId"):
        return True
    return _has_text(read_object(payload, "data", "message", "id"), "_serialized")


def _is_wppconnect(payload: JsonObject) -> bool:
    is_flat = "data" not in payload and "payload" not in payload
    is_named = read_text(payload, "event").startswith("on")
    return is_flat and is_named and _has_text(payload, "session", "id")


def _is_baileys(payload: JsonObject) -> bool:
    data = read_object(payload, "data")
    is_upsert = payload.get("event") == "messages.upsert" and isinstance(data.get("messages"), list)
    return is_upsert and data.get("type") in ("notify", "append") and "instance" not in payload


def _has_text(holder: JsonObject, *names: str) -> bool:
    return all(read_text(holder, name) for name in names)


_SHAPES: dict[str, Callable[[JsonObject], bool]] = {
    "cloud-api": _is_cloud_api,
    "waha": _is_waha,
    "evolution": _is_evolution,
    "evolution-go": _is_evolution_go,
    "whatsapp-web-js": _is_whatsapp_web_js,
    "wppconnect": _is_wppconnect,
    "baileys": _is_baileys,
}
