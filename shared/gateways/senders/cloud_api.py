"""WhatsApp Cloud API: `/{version}/{phone number id}/messages`; the instance is that id.

Our send id goes along and comes back with each status, so an answer that was lost is made up for.
"""

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

KEY_HEADER, KEY_PREFIX = "Authorization", "Bearer "
VERSION = "v23.0"

_CODES: dict[int, ErrorClass] = {
    **dict.fromkeys(
        (4, 80007, 130429, 131000, 131016, 131056, 131057, 133016), ErrorClass.RETRY
    ),
    **dict.fromkeys((0, 190, 368, 130497, 131031, 131042, 131048, 131064), ErrorClass.PAUSE),
    **dict.fromkeys(
        (130472, 131021, 131026, 131047, 131049, 131050, 131062), ErrorClass.FINAL_RECIPIENT
    ),
    **dict.fromkeys(
        (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016),
        ErrorClass.FINAL_TEMPLATE,
    ),
}  # fmt: skip


def post(sending: Sending) -> Post:
    """Build the request; a voice message has no caption."""
    to = sending.to
    is_group = to.kind is Kind.GROUP
    json: JsonObject = {
        "messaging_product": "whatsapp",
        "recipient_type": "group" if is_group else "individual",
        "recipient" if to.kind is Kind.BSUID else "to": to.canonical,
        "biz_opaque_callback_data": sending.send_id,
    }
    if sending.quoted:
        json["context"] = {"message_id": sending.quoted.wid}
    path = f"/{VERSION}/{quote(sending.instance, safe='')}/messages"
    if not sending.media_url:
        return Post(path, {**json, "type": "text", "text": {"body": sending.body}})
    kind = sending.media
    file: JsonObject = {"link": sending.media_url}
    if sending.body and kind != "audio":
        file["caption"] = sending.body
    if kind == "document":
        file["filename"] = sending.file_name
    return Post(path, {**json, "type": kind, kind: file})


def read(status: int, body: JsonValue) -> Result:
    """Read the answer: `messages[0].id` is the message's, `error.code` says why not."""
    if was_taken(status):
        messages = member(body, "messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        wid = canonical_wid(words(member(first, "id")))
        return Result(ErrorClass.OK, wid) if wid else by_status(status)
    error = words(member(body, "error", "message"))
    code = member(body, "error", "code")
    if not isinstance(code, int):
        return by_status(status, error)
    details = words(member(body, "error", "error_data", "details"))
    known = _CODES.get(code, by_status(status).error_class)
    return failed(known, str(code), details or error)
