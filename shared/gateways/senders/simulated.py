"""Requests, responses and events of a simulated gateway; nothing is sent."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.senders.outgoing import JsonObject, join_texts, read_member

ACKS = (1, 2, 3)  # on the server, delivered, read
_EVOLUTION = re.compile(r"/message/send(?:Text|Media|WhatsAppAudio)/([^/]+)")
_WAHA = re.compile(r"/api/send(?:Text|Image|Video|Voice|File)")
_CLOUD = re.compile(r"/v[0-9.]+/([^/]+)/messages")
_EVOLUTION_ACKS = {1: "SERVER_ACK", 2: "DELIVERY_ACK", 3: "READ"}
_WAHA_ACKS = {1: "SERVER", 2: "DEVICE", 3: "READ"}
_CLOUD_ACKS = {1: "sent", 2: "delivered", 3: "read"}


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request to send; `requested_wid` is the message id in it.

    `at` is the time of receipt, in seconds since 1970.
    """

    at: int
    instance: str
    to: str
    text: str
    requested_wid: str | None = None
    send_id: str | None = None


def read_send_request(gateway: str, path: str, body: JsonValue, at: int) -> SendRequest | None:
    """Return a request to send; None if the gateway has no such path."""
    match gateway:
        case "evolution" if match := _EVOLUTION.fullmatch(path):
            text = join_texts(read_member(body, "text")) or join_texts(read_member(body, "caption"))
            wid = join_texts(read_member(body, "messageId")) or None
            return SendRequest(
                at, match[1], join_texts(read_member(body, "number")), text, requested_wid=wid
            )
        case "waha" if _WAHA.fullmatch(path):
            text = join_texts(read_member(body, "text")) or join_texts(read_member(body, "caption"))
            session, to = (
                join_texts(read_member(body, "session")),
                join_texts(read_member(body, "chatId")),
            )
            return SendRequest(at, session, to, text)
        case "cloud-api" if match := _CLOUD.fullmatch(path):
            to = join_texts(read_member(body, "to")) or join_texts(read_member(body, "recipient"))
            kind = join_texts(read_member(body, "type"))
            text = join_texts(read_member(body, "text", "body")) or join_texts(
                read_member(body, kind, "caption")
            )
            sent_as = join_texts(read_member(body, "biz_opaque_callback_data")) or None
            return SendRequest(at, match[1], to, text, send_id=sent_as)
        case _:
            return None


def build_acceptance(gateway: str, send: SendRequest, wid: str) -> tuple[int, JsonObject]:
    """Return the HTTP status and body for a message that was sent."""
    match gateway:
        case "evolution":
            return 201, {**_build_evolution_message(send, wid), "status": "PENDING"}
        case "waha":
            return 201, {"id": f"true_{send.to}_{wid}", "timestamp": send.at, "fromMe": True}
        case _:
            return 200, {
                "messaging_product": "whatsapp",
                "contacts": [{"input": send.to, "wa_id": send.to}],
                "messages": [{"id": wid}],
            }


def build_refusal(gateway: str, *, final: bool) -> tuple[int, JsonObject]:
    """Return the HTTP status and body of a temporary or final refusal."""
    if gateway == "cloud-api":
        code, status = (131026, 400) if final else (130429, 429)
        return status, {"error": {"code": code, "message": "(simulated)", "type": "OAuthException"}}
    if not final:
        return 429, {"message": "Too many requests (simulated)"}
    if gateway == "evolution":
        errors: list[JsonValue] = [{"jid": "", "exists": False, "number": ""}]
        return 400, {"status": 400, "error": "Bad Request", "response": {"message": errors}}
    return 400, {"message": "No such chat (simulated)"}


def build_status(gateway: str, send: SendRequest, wid: str, ack: int) -> JsonObject:
    """Return the event for a new ack of a message, as the gateway posts it."""
    match gateway:
        case "evolution":
            data: JsonObject = {"keyId": wid, "remoteJid": _build_jid(send), "fromMe": True}
            update = data | {"status": _EVOLUTION_ACKS[ack]}
            return {"event": "messages.update", "instance": send.instance, "data": update}
        case "waha":
            payload: JsonObject = {
                "id": f"true_{send.to}_{wid}", "from": send.to, "to": send.to, "fromMe": True,
                "timestamp": send.at, "ack": ack, "ackName": _WAHA_ACKS[ack],
            }  # fmt: skip
            return _build_waha_event("message.ack", send, payload)
        case _:
            status: JsonObject = {
                "id": wid, "status": _CLOUD_ACKS[ack], "timestamp": str(send.at),
                "recipient_id": send.to, "biz_opaque_callback_data": send.send_id or "",
            }  # fmt: skip
            return _build_cloud_webhook(send, {"statuses": [status]})


def build_echo(gateway: str, send: SendRequest, wid: str) -> JsonObject | None:
    """Return the echo of a send, for the gateways that report messages of all devices."""
    match gateway:
        case "evolution":
            data = _build_evolution_message(send, wid)
            return {"event": "send.message", "instance": send.instance, "data": data}
        case "waha":
            payload: JsonObject = {
                "id": f"true_{send.to}_{wid}", "from": "5500000000000@c.us", "to": send.to,
                "fromMe": True, "timestamp": send.at, "body": send.text, "hasMedia": False,
            }  # fmt: skip
            return _build_waha_event("message.any", send, payload)
        case _:
            return None


def _build_jid(send: SendRequest) -> str:
    return send.to if "@" in send.to else f"{send.to}@s.whatsapp.net"


def _build_evolution_message(send: SendRequest, wid: str) -> JsonObject:
    return {
        "key": {"remoteJid": _build_jid(send), "fromMe": True, "id": wid},
        "message": {"conversation": send.text},
        "messageTimestamp": send.at,
    }


def _build_waha_event(event: str, send: SendRequest, payload: JsonObject) -> JsonObject:
    return {"event": event, "session": send.instance, "payload": payload, "engine": "NOWEB"}


def _build_cloud_webhook(send: SendRequest, value: JsonObject) -> JsonObject:
    metadata: JsonObject = {
        "display_phone_number": "5500000000000", "phone_number_id": send.instance,
    }  # fmt: skip
    members: JsonObject = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change: JsonObject = {"field": "messages", "value": members}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
