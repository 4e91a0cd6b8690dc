"""Evolution API v2: `/message/sendText`, `sendMedia`, `sendWhatsAppAudio`, each `/{instance}`."""

from urllib.parse import quote

from pydantic import JsonValue

from shared.gateways.identity import Kind, canonical_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    JsonObject,
    Post,
    Result,
    Sending,
    by_status,
    failed,
    member,
    was_taken,
    words,
)

KEY_HEADER = "apikey"
_CLOSED, _AFTERWARDS = "connection closed", "prisma"


def post(sending: Sending) -> Post:
    """Build the request. `messageId` is used by late versions and ignored by earlier ones."""
    to = sending.to
    json: JsonObject = {
        "number": to.canonical if to.kind is Kind.NUMBER else to.jid,
        "messageId": sending.wid,
    }
    if sending.quoted:
        json["quoted"] = {"key": {"id": sending.quoted.wid}}
    instance = quote(sending.instance, safe="")
    if not sending.media_url:
        return Post(f"/message/sendText/{instance}", {**json, "text": sending.body})
    if sending.media == "audio":
        return Post(f"/message/sendWhatsAppAudio/{instance}", {**json, "audio": sending.media_url})
    json |= {
        "mediatype": sending.media,
        "mimetype": sending.mime_type,
        "media": sending.media_url,
        "fileName": sending.file_name,
        "caption": sending.body,
    }
    return Post(f"/message/sendMedia/{instance}", json)


def read(status: int, body: JsonValue) -> Result:
    """Read the answer: `key.id` is the message's, `response.message` says why not."""
    if was_taken(status):
        wid = canonical_wid(words(member(body, "key", "id")))
        return Result(ErrorClass.OK, wid) if wid else by_status(status)
    told = member(body, "response", "message")
    if isinstance(told, list) and any(member(one, "exists") is False for one in told):
        return failed(ErrorClass.FINAL_RECIPIENT, "not-on-whatsapp", "the number has no WhatsApp")
    error = words(told)
    if _CLOSED in error.lower():  # refused before anything was sent, by 400 or 500
        return failed(ErrorClass.PAUSE, "connection-closed", error)
    if _AFTERWARDS in error.lower():  # its database failed, once the message was sent
        return failed(ErrorClass.UNKNOWN, "not-stored", error)
    return by_status(status, error)
