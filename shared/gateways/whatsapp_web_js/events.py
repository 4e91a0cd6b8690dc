"""whatsapp-web.js: the table of its event names, and their translators.

A new event type goes into `_TRANSLATORS`, or into `_IGNORED` with its reason.
"""

from collections.abc import Callable
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.gateways.normalize.addresses import AddressKind, parse_address
from shared.gateways.normalize.connection_updates import build_connection_update
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import (
    LONGEST_DETAIL,
    Ignored,
    PartOutcome,
    Translation,
    Unreadable,
    build_translation,
)
from shared.gateways.proto_message.key import MessageKey
from shared.gateways.whatsapp_web.connection_states import find_socket_status
from shared.gateways.whatsapp_web.event_builders import (
    build_ack,
    ignore_without_message,
    translate_number_change,
)
from shared.gateways.whatsapp_web.ids import flatten, read_jid, read_message_key
from shared.gateways.whatsapp_web.messages import (
    build_changed_message,
    translate_edit,
    translate_reaction,
    translate_vote,
    translate_web_message,
)
from shared.gateways.whatsapp_web.texts import is_base64, read_words
from shared.gateways.whatsapp_web_js.envelope import (
    PostedEvent,
    normalize_name,
    read_bare_message,
    read_envelope,
    read_event_name,
    split_envelope,
)


def translate(payload: JsonValue, line: Line) -> Translation:
    """Translate one posted event; never raises, whatever the payload holds."""
    if not isinstance(payload, dict):
        return build_translation([Unreadable("the payload is not an object")])
    raw_name = read_event_name(payload)
    if not raw_name:
        return build_translation([_translate_bare_message(payload, line)])
    name = normalize_name(raw_name)
    if reason := _IGNORED.get(name):
        return build_translation([Ignored(reason, name)])
    translator = _TRANSLATORS.get(name)
    if translator is None:
        return build_translation([Ignored("unknown-event", raw_name[:LONGEST_DETAIL])])
    envelopes = split_envelope(payload) if translator is _translate_message else [payload]
    return build_translation(translator(read_envelope(envelope, line)) for envelope in envelopes)


def _translate_bare_message(payload: JsonObject, line: Line) -> PartOutcome:
    if "id" not in payload:
        return Unreadable("no event is named")
    return _translate_message(read_bare_message(payload, line))


def _translate_message(event: PostedEvent) -> PartOutcome:
    return translate_web_message(event.line, event.message, event.sent)


def _translate_ciphertext(event: PostedEvent) -> PartOutcome:
    return translate_web_message(event.line, {**event.message, "type": "ciphertext"}, event.sent)


def _translate_ack(event: PostedEvent) -> PartOutcome:
    key = read_message_key(event.message)
    if not isinstance(key, MessageKey):
        return ignore_without_message(key)
    values = (event.arguments.get("ack"), event.arguments.get("second"), event.message.get("ack"))
    ack = next((number for number in map(parse_count, values) if number is not None), None)
    # The recipient is not reported: the author of the key is us.
    return build_ack(event.line, replace(key, author=None), ack, event.now)


_REVOKED = ("revokedMsg", "revoked_msg", "revokedMessage", "before", "second")


def _translate_revoke(event: PostedEvent) -> PartOutcome:
    key = read_message_key(event.message)
    if not isinstance(key, MessageKey):
        return key
    before = next(
        (candidate for name in _REVOKED if (candidate := read_object(event.arguments, name))), {}
    )
    targets = (event.message.get("protocolMessageKey"), before.get("id"))
    return build_changed_message(event.line, key, event.now, *targets).build_deletion()


def _translate_edit(event: PostedEvent) -> PartOutcome:
    new = read_text(event.arguments, "newBody", "new_body", "second")
    if is_base64(new):  # the `body` of a picture is its thumbnail, which comes later
        return Ignored("thumbnail-update")
    body = new or read_words(event.message, "body")
    return translate_edit(event.line, event.message, body, event.sent)


def _translate_reaction(event: PostedEvent) -> PartOutcome:
    reaction = read_object(event.arguments, "reaction") or event.message
    return translate_reaction(event.line, reaction, event.sent)


def _translate_vote(event: PostedEvent) -> PartOutcome:
    vote = read_object(event.arguments, "vote") or event.message
    poll = vote.get("parentMsgKey") or read_object(vote, "parentMessage").get("id")
    voter = read_jid(vote.get("voter")) or read_jid(vote.get("sender"))
    return translate_vote(event.line, vote, poll, voter, vote.get("interractedAtTs"))


def _translate_call(event: PostedEvent) -> PartOutcome:
    call = read_object(event.arguments, "call") or event.message
    if read_flag(call, "fromMe") or read_flag(call, "outgoing"):
        return Ignored("call-outgoing")
    return Ignored("call-ringing")  # a missed one comes as a message of type call_log


def _translate_contact_changed(event: PostedEvent) -> PartOutcome:
    arguments = event.arguments
    old = read_jid(arguments.get("oldId")) or read_jid(arguments.get("second"))
    new = read_jid(arguments.get("newId")) or read_jid(arguments.get("third"))
    return translate_number_change(event.line, old, new, event.now)


def _translate_unread_count(event: PostedEvent) -> PartOutcome:
    chat = read_object(event.arguments, "chat") or event.message
    if parse_count(chat.get("unreadCount")) != 0:
        return Ignored("chat-update", "unread")
    key = read_message_key(flatten(read_object(chat, "lastMessage")))
    if not isinstance(key, MessageKey) or key.from_me:
        return Ignored("chat-update", "read")
    return build_changed_message(event.line, key, event.now).build_read()


def _translate_state(event: PostedEvent) -> PartOutcome:
    status = find_socket_status(event.state)
    if status is None:
        return Ignored("unknown-state", event.state[:LONGEST_DETAIL])
    return build_connection_update(event.line, status, event.now, event.state)


def _translate_disconnected(event: PostedEvent) -> PartOutcome:
    reason = event.state.strip().upper()
    status: LineStatus = "PENDING" if reason.startswith(("LOGOUT", "UNPAIRED")) else "DISCONNECTED"
    return build_connection_update(event.line, status, event.now, event.state)


def _translate_ready(event: PostedEvent) -> PartOutcome:
    arguments = event.arguments
    own_wid = (
        read_object(arguments, "info").get("wid") or arguments.get("wid") or arguments.get("me")
    )
    own_address = parse_address(read_jid(own_wid))
    number = (
        own_address.canonical if own_address and own_address.kind is AddressKind.NUMBER else None
    )
    return build_connection_update(event.line, "CONNECTED", event.now, "ready", number)


def _translate_authenticated(event: PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "OPENING", event.now, "authenticated")


def _translate_qr_code(event: PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "qrcode", event.now)


def _translate_status(event: PostedEvent) -> PartOutcome:
    """Translate a session's status; wwebjs-api posts a failed authentication by this name."""
    return (
        _translate_state(event)
        if find_socket_status(event.state)
        else _translate_auth_failure(event)
    )


def _translate_auth_failure(event: PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "PENDING", event.now, "auth_failure")


_TRANSLATORS: dict[str, Callable[[PostedEvent], PartOutcome]] = {
    "message": _translate_message,
    "message_received": _translate_message,
    "message_create": _translate_message,
    "message_sent": _translate_message,
    "media": _translate_message,
    "message_ciphertext": _translate_ciphertext,
    "message_ciphertext_failed": _translate_ciphertext,
    "message_ack": _translate_ack,
    "message_revoke_everyone": _translate_revoke,
    "message_revoked_everyone": _translate_revoke,
    "message_revoked": _translate_revoke,
    "message_edit": _translate_edit,
    "message_edited": _translate_edit,
    "message_reaction": _translate_reaction,
    "vote_update": _translate_vote,
    "call": _translate_call,
    "incoming_call": _translate_call,
    "contact_changed": _translate_contact_changed,
    "unread_count": _translate_unread_count,
    "change_state": _translate_state,
    "state_changed": _translate_state,
    "disconnected": _translate_disconnected,
    "ready": _translate_ready,
    "authenticated": _translate_authenticated,
    "qr": _translate_qr_code,
    "qr_received": _translate_qr_code,
    "code": _translate_qr_code,
    "code_received": _translate_qr_code,
    "auth_failure": _translate_auth_failure,
    "authentication_failure": _translate_auth_failure,
    "status": _translate_status,
    "session_status": _translate_state,
}

_IGNORED = {
    "message_revoke_me": "deleted-for-me",
    "message_revoked_me": "deleted-for-me",
    "media_uploaded": "media-uploaded",
    "loading_screen": "loading-progress",
    "remote_session_saved": "session-saved",
    "change_battery": "battery",
    "battery_changed": "battery",
    "group_join": "group-participants-update",
    "group_leave": "group-participants-update",
    "group_admin_changed": "group-participants-update",
    "group_membership_request": "group-participants-update",
    "group_update": "group-update",
    "chat_removed": "chat-delete",
    "chat_archived": "chat-update",
}
