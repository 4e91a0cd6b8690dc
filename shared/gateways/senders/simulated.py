"""What gateways answer and post back, for trying senders out: shapes only, nothing is sent."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.senders.outgoing import JsonObject, member, words

ACKS = (1, 2, 3)  # on the server, delivered, read
_EVOLUTION = re.compile(r"/message/send(?:Text|Media|WhatsAppAudio)/([^/]+)")
_WAHA = re.compile(r"/api/send(?:Text|Image|Video|Voice|File)")
_CLOUD = re.compile(r"/v[0-9.]+/([^/]+)/messages")
_EVOLUTION_ACKS = {1: "SERVER_ACK", 2: "DELIVERY_ACK", 3: "READ"}
_WAHA_ACKS = {1: "SERVER", 2: "DEVICE", 3: "READ"}
_CLOUD_ACKS = {1: "sent", 2: "delivered", 3: "read"}


@dataclass(frozen=True, slots=True)
class Heard:
    """A request to send, as a gateway understands it; `asked_id` is the id that it was given.

    `at` is when it came, in seconds since 1970.
    """

    at: int
    instance: str
    to: str
    text: str
    asked_id: str | None = None
    send_id: str | None = None


def hear(gateway: str, path: str, body: JsonValue, at: int) -> Heard | None:
    """Read a request to send; None where the gateway has no such address."""
    match gateway:
        case "evolution" if found := _EVOLUTION.fullmatch(path):
            text = words(member(body, "text")) or words(member(body, "caption"))
            asked = words(member(body, "messageId")) or None
            return Heard(at, found[1], words(member(body, "number")), text, asked_id=asked)
        case "waha" if _WAHA.fullmatch(path):
            text = words(member(body, "text")) or words(member(body, "caption"))
            session, to = words(member(body, "session")), words(member(body, "chatId"))
            return Heard(at, session, to, text)
        case "cloud-api" if found := _CLOUD.fullmatch(path):
            to = words(member(body, "to")) or words(member(body, "recipient"))
            kind = words(member(body, "type"))
            text = words(member(body, "text", "body")) or words(member(body, kind, "caption"))
            sent_as = words(member(body, "biz_opaque_callback_data")) or None
            return Heard(at, found[1], to, text, send_id=sent_as)
        case _:
            return None


def taken(gateway: str, heard: Heard, wid: str) -> tuple[int, JsonObject]:
    """Answer that a message was sent."""
    match gateway:
        case "evolution":
            return 201, {**_evolution_message(heard, wid), "status": "PENDING"}
        case "waha":
            return 201, {"id": f"true_{heard.to}_{wid}", "timestamp": heard.at, "fromMe": True}
        case _:
            return 200, {
                "messaging_product": "whatsapp",
                "contacts": [{"input": heard.to, "wa_id": heard.to}],
                "messages": [{"id": wid}],
            }


def refused(gateway: str, *, final: bool) -> tuple[int, JsonObject]:
    """Answer that a message was not sent: too busy, or never to this number."""
    if gateway == "cloud-api":
        code, status = (131026, 400) if final else (130429, 429)
        return status, {"error": {"code": code, "message": "(simulated)", "type": "OAuthException"}}
    if not final:
        return 429, {"message": "Too many requests (simulated)"}
    if gateway == "evolution":
        told: list[JsonValue] = [{"jid": "", "exists": False, "number": ""}]
        return 400, {"status": 400, "error": "Bad Request", "response": {"message": told}}
    return 400, {"message": "No such chat (simulated)"}


def status(gateway: str, heard: Heard, wid: str, ack: int) -> JsonObject:
    """Tell how far a message came, as the gateway posts it."""
    match gateway:
        case "evolution":
            data: JsonObject = {"keyId": wid, "remoteJid": _jid(heard), "fromMe": True}
            update = data | {"status": _EVOLUTION_ACKS[ack]}
            return {"event": "messages.update", "instance": heard.instance, "data": update}
        case "waha":
            payload: JsonObject = {
                "id": f"true_{heard.to}_{wid}", "from": heard.to, "to": heard.to, "fromMe": True,
                "timestamp": heard.at, "ack": ack, "ackName": _WAHA_ACKS[ack],
            }  # fmt: skip
            return _waha("message.ack", heard, payload)
        case _:
            told: JsonObject = {
                "id": wid, "status": _CLOUD_ACKS[ack], "timestamp": str(heard.at),
                "recipient_id": heard.to, "biz_opaque_callback_data": heard.send_id or "",
            }  # fmt: skip
            return _cloud(heard, {"statuses": [told]})


def echo(gateway: str, heard: Heard, wid: str) -> JsonObject | None:
    """Tell of our own send, as those gateways do that tell of messages from any device."""
    match gateway:
        case "evolution":
            data = _evolution_message(heard, wid)
            return {"event": "send.message", "instance": heard.instance, "data": data}
        case "waha":
            payload: JsonObject = {
                "id": f"true_{heard.to}_{wid}", "from": "5500000000000@c.us", "to": heard.to,
                "fromMe": True, "timestamp": heard.at, "body": heard.text, "hasMedia": False,
            }  # fmt: skip
            return _waha("message.any", heard, payload)
        case _:
            return None


def _jid(heard: Heard) -> str:
    return heard.to if "@" in heard.to else f"{heard.to}@s.whatsapp.net"


def _evolution_message(heard: Heard, wid: str) -> JsonObject:
    return {
        "key": {"remoteJid": _jid(heard), "fromMe": True, "id": wid},
        "message": {"conversation": heard.text},
        "messageTimestamp": heard.at,
    }


def _waha(event: str, heard: Heard, payload: JsonObject) -> JsonObject:
    return {"event": event, "session": heard.instance, "payload": payload, "engine": "NOWEB"}


def _cloud(heard: Heard, value: JsonObject) -> JsonObject:
    metadata: JsonObject = {
        "display_phone_number": "5500000000000", "phone_number_id": heard.instance,
    }  # fmt: skip
    told: JsonObject = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change: JsonObject = {"field": "messages", "value": told}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
