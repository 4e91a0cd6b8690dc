"""WAHA: `/api/sendText`, `sendImage`, `sendVideo`, `sendVoice`, `sendFile`.

It takes no id in advance, so what a message is called is known by its answer or its echo alone.
"""

from pydantic import JsonValue

from shared.gateways.identity import Address, Kind, canonical_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    JsonObject,
    Post,
    Quoted,
    Result,
    Sending,
    by_status,
    failed,
    member,
    was_taken,
    words,
)

KEY_HEADER = "X-Api-Key"
_PATHS = {"image": "sendImage", "video": "sendVideo", "audio": "sendVoice", "document": "sendFile"}
_CONVERTED = frozenset({"video", "audio"})  # WhatsApp shows only certain codecs
_WRONG_SESSION = 422
_IDS = (("id",), ("id", "_serialized"), ("id", "id"), ("key", "id"), ("_data", "id", "id"))


def post(sending: Sending) -> Post:
    """Build the request; whom a quoted message is of is a part of its id."""
    chat = _chat_id(sending.to)
    json: JsonObject = {"session": sending.instance, "chatId": chat}
    if sending.quoted:
        json["reply_to"] = _quoted_id(sending.quoted, chat)
    if not sending.media_url:
        return Post("/api/sendText", {**json, "text": sending.body})
    json["file"] = {
        "mimetype": sending.mime_type,
        "filename": sending.file_name,
        "url": sending.media_url,
    }
    if sending.media in _CONVERTED:
        json["convert"] = True
    if sending.media != "audio":
        json["caption"] = sending.body
    return Post(f"/api/{_PATHS[sending.media]}", json)


def read(status: int, body: JsonValue) -> Result:
    """Read the answer: each engine has the id at another place."""
    if was_taken(status):
        found = (canonical_wid(words(member(body, *path))) for path in _IDS)
        wid = next(filter(None, found), None)
        return Result(ErrorClass.OK, wid) if wid else by_status(status)
    error = words(member(body, "message")) or words(member(body, "exception", "message"))
    if status == _WRONG_SESSION:  # the session is not WORKING
        return failed(ErrorClass.PAUSE, "session-not-working", error)
    return by_status(status, error)


def _chat_id(to: Address) -> str:
    return f"{to.canonical}@c.us" if to.kind is Kind.NUMBER else to.jid


def _quoted_id(quoted: Quoted, chat: str) -> str:
    author = f"_{quoted.author}" if quoted.author else ""
    return f"{'true' if quoted.from_me else 'false'}_{chat}_{quoted.wid}{author}"
