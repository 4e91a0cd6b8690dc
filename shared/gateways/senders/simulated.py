"""Requests, responses and events of a simulated gateway; nothing is sent."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from shared.contracts.message_content import ChangeKind
from shared.gateways.senders.outgoing import JsonObject, join_texts, read_member

ACKS = (1, 2, 3)  # on the server, delivered, read
_EVOLUTION = re.compile(r"/message/send(Text|Media|WhatsAppAudio|Buttons|List|Reaction)/([^/]+)")
_EVOLUTION_CHAT = re.compile(
    r"/chat/(updateMessage|deleteMessageForEveryone|markMessageAsRead)/([^/]+)"
)
_WAHA = re.compile(r"/api/send(?:Text|Image|Video|Voice|File)")
_WAHA_MESSAGE = re.compile(r"/api/([^/]+)/chats/([^/]+)/messages/([^/]+)")
_CLOUD = re.compile(r"/v[0-9.]+/([^/]+)/messages")
_EVOLUTION_ACKS = {1: "SERVER_ACK", 2: "DELIVERY_ACK", 3: "READ"}
_WAHA_ACKS = {1: "SERVER", 2: "DEVICE", 3: "READ"}
_CLOUD_ACKS = {1: "sent", 2: "delivered", 3: "read"}


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request to send; `requested_wid` is the message id in it.

    `at` is the time of receipt, in seconds since 1970. `kind` is the kind of content, or how the
    message `target` is changed.
    """

    at: int
    instance: str
    to: str
    text: str
    requested_wid: str | None = None
    send_id: str | None = None
    kind: str = "message"
    target: str | None = None


def read_send_request(
    gateway: str, path: str, body: JsonValue, at: int, method: str = "POST"
) -> SendRequest | None:
    """Return a request to send; None if the gateway has no such path, or not for this method."""
    reader = {"evolution": _read_evolution, "waha": _read_waha}.get(gateway, _read_cloud_api)
    return reader(method, path, body, at)


def _read_evolution(method: str, path: str, body: JsonValue, at: int) -> SendRequest | None:
    if match := _EVOLUTION_CHAT.fullmatch(path):
        return _read_evolution_change(method, match[1], match[2], body, at)
    match = _EVOLUTION.fullmatch(path)
    if match is None or method != "POST":
        return None
    if match[1] == "Reaction":
        text = join_texts(read_member(body, "reaction"))
        key = read_member(body, "key")
        return _change(ChangeKind.REACT, match[2], key, text, at)
    names = ("text", "caption", "title")
    text = next(filter(None, (join_texts(read_member(body, name)) for name in names)), "")
    return SendRequest(
        at, match[2], join_texts(read_member(body, "number")), text,
        requested_wid=join_texts(read_member(body, "messageId")) or None,
        kind=match[1].lower() if match[1] in {"Buttons", "List"} else "message",
    )  # fmt: skip


def _read_evolution_change(
    method: str, action: str, instance: str, body: JsonValue, at: int
) -> SendRequest | None:
    match method, action:
        case "POST", "updateMessage":
            text = join_texts(read_member(body, "text"))
            return _change(ChangeKind.EDIT, instance, read_member(body, "key"), text, at)
        case "DELETE", "deleteMessageForEveryone":
            return _change(ChangeKind.DELETE, instance, body, "", at)
        case "POST", "markMessageAsRead":
            keys = read_member(body, "readMessages")
            key = keys[0] if isinstance(keys, list) and keys else None
            return _change(ChangeKind.MARK_READ, instance, key, "", at)
        case _:
            return None


def _change(
    kind: ChangeKind, instance: str, key: JsonValue, text: str, at: int
) -> SendRequest | None:
    to, target = join_texts(read_member(key, "remoteJid")), join_texts(read_member(key, "id"))
    return SendRequest(at, instance, to, text, kind=kind, target=target) if target else None


def _read_waha(method: str, path: str, body: JsonValue, at: int) -> SendRequest | None:
    session, to = join_texts(read_member(body, "session")), join_texts(read_member(body, "chatId"))
    if method == "POST" and _WAHA.fullmatch(path):
        text = join_texts(read_member(body, "text")) or join_texts(read_member(body, "caption"))
        return SendRequest(at, session, to, text)
    match = _WAHA_MESSAGE.fullmatch(path)
    if match and method in {"PUT", "DELETE"}:
        kind = ChangeKind.EDIT if method == "PUT" else ChangeKind.DELETE
        text = join_texts(read_member(body, "text"))
        return _change_of_waha(kind, match[1], match[3], text, at)
    if method == "PUT" and path == "/api/reaction":
        message_id = join_texts(read_member(body, "messageId"))
        text = join_texts(read_member(body, "reaction"))
        return _change_of_waha(ChangeKind.REACT, session, message_id, text, at)
    if method == "POST" and path == "/api/sendSeen":
        message_id = join_texts(read_member(body, "messageIds"))
        return _change_of_waha(ChangeKind.MARK_READ, session, message_id, "", at)
    return None


def _change_of_waha(
    kind: ChangeKind, session: str, message_id: str, text: str, at: int
) -> SendRequest | None:
    _, _, rest = message_id.partition("_")
    chat, _, target = rest.partition("_")
    wid = target.partition("_")[0]
    return SendRequest(at, session, chat, text, kind=kind, target=wid) if wid else None


def _read_cloud_api(method: str, path: str, body: JsonValue, at: int) -> SendRequest | None:
    match = _CLOUD.fullmatch(path)
    if match is None or method != "POST":
        return None
    if read_member(body, "status") == "read":
        target = join_texts(read_member(body, "message_id"))
        return SendRequest(at, match[1], "", "", kind=ChangeKind.MARK_READ, target=target)
    to = join_texts(read_member(body, "to")) or join_texts(read_member(body, "recipient"))
    kind = join_texts(read_member(body, "type"))
    texts = (
        join_texts(read_member(body, *place))
        for place in (("text", "body"), (kind, "caption"), (kind, "body", "text"), (kind, "name"),
                      (kind, "emoji"))
    )  # fmt: skip
    return SendRequest(
        at, match[1], to, next(filter(None, texts), ""),
        send_id=join_texts(read_member(body, "biz_opaque_callback_data")) or None,
        kind={"reaction": ChangeKind.REACT, "template": "template"}.get(kind)
        or join_texts(read_member(body, kind, "type")).replace("button", "buttons")
        or "message",
        target=join_texts(read_member(body, "reaction", "message_id")) or None,
    )  # fmt: skip


def build_acceptance(gateway: str, send: SendRequest, wid: str) -> tuple[int, JsonObject]:
    """Return the HTTP status and body for a message that was sent, or a change that was made."""
    if send.target and send.kind != ChangeKind.REACT:
        return (200 if gateway == "cloud-api" else 201), {"success": True}
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
