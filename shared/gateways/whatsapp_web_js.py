"""whatsapp-web.js, through bridges that post its events: `{event, data}`, or a message alone."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.gateways import wweb_ids, wweb_messages, wweb_posted
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.identity import Kind, address
from shared.gateways.line import Line
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    translation_of,
)
from shared.gateways.reading import JsonObject, count, flag, mapping, text
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_posted import Posted
from shared.gateways.wweb_record import is_bytes, words
from shared.gateways.wweb_states import of_socket


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one posted event means on a line; never raises, whatever it holds."""
    if not isinstance(payload, dict):
        return translation_of([Unreadable("the payload is not an object")])
    named = wweb_posted.named(payload)
    if not named:
        return translation_of([_alone(payload, line)])
    event = wweb_posted.plain(named)
    if reason := _REASONS.get(event):
        return translation_of([Ignored(reason, event)])
    reader = _READERS.get(event)
    if reader is None:
        return translation_of([Ignored("unknown-event", named[:LONGEST_DETAIL])])
    several = wweb_posted.each(payload) if reader is _message else [payload]
    return translation_of(reader(wweb_posted.posted(one, line)) for one in several)


def _alone(payload: JsonObject, line: Line) -> Outcome:
    if "id" not in payload:
        return Unreadable("no event is named")
    return _message(wweb_posted.bare(payload, line))


def _message(posted: Posted) -> Outcome:
    return wweb_messages.told(posted.line, posted.message, posted.sent)


def _ack(posted: Posted) -> Outcome:
    key = wweb_ids.read(posted.message)
    if not isinstance(key, MessageKey):
        return outcomes.of_no_message(key)
    told = (posted.told.get("ack"), posted.told.get("second"), posted.message.get("ack"))
    ack = next((found for found in map(count, told) if found is not None), None)
    # Nobody says to whom it came: the author is ourselves.
    return outcomes.acked(posted.line, replace(key, author=None), ack, posted.now)


_REVOKED = ("revokedMsg", "revoked_msg", "revokedMessage", "before", "second")


def _revoke(posted: Posted) -> Outcome:
    key = wweb_ids.read(posted.message)
    if not isinstance(key, MessageKey):
        return key
    before = next((found for name in _REVOKED if (found := mapping(posted.told, name))), {})
    targets = (posted.message.get("protocolMessageKey"), before.get("id"))
    return wweb_messages.about(posted.line, key, posted.now, *targets).deleted()


def _edit(posted: Posted) -> Outcome:
    new = text(posted.told, "newBody", "new_body", "second")
    if is_bytes(new):  # a picture's `body` is its thumbnail, which comes later
        return Ignored("thumbnail-update")
    body = new or words(posted.message, "body")
    return wweb_messages.edited(posted.line, posted.message, body, posted.sent)


def _reaction(posted: Posted) -> Outcome:
    reaction = mapping(posted.told, "reaction") or posted.message
    return wweb_messages.reacted(posted.line, reaction, posted.sent)


def _vote(posted: Posted) -> Outcome:
    vote = mapping(posted.told, "vote") or posted.message
    poll = vote.get("parentMsgKey") or mapping(vote, "parentMessage").get("id")
    voter = wweb_ids.jid(vote.get("voter")) or wweb_ids.jid(vote.get("sender"))
    return wweb_messages.voted(posted.line, vote, poll, voter, vote.get("interractedAtTs"))


def _call(posted: Posted) -> Outcome:
    call = mapping(posted.told, "call") or posted.message
    if flag(call, "fromMe") or flag(call, "outgoing"):
        return Ignored("call-outgoing")
    return Ignored("call-ringing")  # one that nobody takes comes as a message of type call_log


def _contact_changed(posted: Posted) -> Outcome:
    told = posted.told
    old = wweb_ids.jid(told.get("oldId")) or wweb_ids.jid(told.get("second"))
    new = wweb_ids.jid(told.get("newId")) or wweb_ids.jid(told.get("third"))
    return outcomes.number_changed(posted.line, old, new)


def _unread_count(posted: Posted) -> Outcome:
    chat = mapping(posted.told, "chat") or posted.message
    if count(chat.get("unreadCount")) != 0:
        return Ignored("chat-update", "unread")
    key = wweb_ids.read(wweb_ids.flat(mapping(chat, "lastMessage")))
    if not isinstance(key, MessageKey) or key.from_me:
        return Ignored("chat-update", "read")
    return wweb_messages.about(posted.line, key, posted.now).read()


def _state(posted: Posted) -> Outcome:
    status = of_socket(posted.state)
    if status is None:
        return Ignored("unknown-state", posted.state[:LONGEST_DETAIL])
    return outcomes.connection(posted.line, status, posted.now, posted.state)


def _disconnected(posted: Posted) -> Outcome:
    reason = posted.state.strip().upper()
    status: LineStatus = "PENDING" if reason.startswith(("LOGOUT", "UNPAIRED")) else "DISCONNECTED"
    return outcomes.connection(posted.line, status, posted.now, posted.state)


def _ready(posted: Posted) -> Outcome:
    told = posted.told
    told_wid = mapping(told, "info").get("wid") or told.get("wid") or told.get("me")
    ours = address(wweb_ids.jid(told_wid))
    number = ours.canonical if ours and ours.kind is Kind.NUMBER else None
    return outcomes.connection(posted.line, "CONNECTED", posted.now, "ready", number)


def _opening(posted: Posted) -> Outcome:
    return outcomes.connection(posted.line, "OPENING", posted.now, "authenticated")


def _code_shown(posted: Posted) -> Outcome:
    return outcomes.connection(posted.line, "qrcode", posted.now)


def _status(posted: Posted) -> Outcome:
    """Read a session's status; wwebjs-api posts a failed authentication by this name."""
    return _state(posted) if of_socket(posted.state) else _auth_failure(posted)


def _auth_failure(posted: Posted) -> Outcome:
    return outcomes.connection(posted.line, "PENDING", posted.now, "auth_failure")


_READERS: dict[str, Callable[[Posted], Outcome]] = {
    "message": _message,
    "message_received": _message,
    "message_create": _message,
    "message_sent": _message,
    "media": _message,
    "message_ack": _ack,
    "message_revoke_everyone": _revoke,
    "message_revoked_everyone": _revoke,
    "message_revoked": _revoke,
    "message_edit": _edit,
    "message_edited": _edit,
    "message_reaction": _reaction,
    "vote_update": _vote,
    "call": _call,
    "incoming_call": _call,
    "contact_changed": _contact_changed,
    "unread_count": _unread_count,
    "change_state": _state,
    "state_changed": _state,
    "disconnected": _disconnected,
    "ready": _ready,
    "authenticated": _opening,
    "qr": _code_shown,
    "qr_received": _code_shown,
    "code": _code_shown,
    "code_received": _code_shown,
    "auth_failure": _auth_failure,
    "authentication_failure": _auth_failure,
    "status": _status,
    "session_status": _state,
}

_REASONS = {
    "message_revoke_me": "deleted-for-me",
    "message_revoked_me": "deleted-for-me",
    "message_ciphertext": "undecryptable",
    "message_ciphertext_failed": "undecryptable",
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
