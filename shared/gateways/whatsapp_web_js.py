"""whatsapp-web.js, through bridges that post its events: `{event, data}`, or a message alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.gateways import wweb_ids, wweb_messages
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.identity import Kind, address
from shared.gateways.line import Line, Time
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    translation_of,
)
from shared.gateways.reading import JsonObject, cleaned, count, mapping, text
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_record import words
from shared.gateways.wweb_states import of_socket


@dataclass(frozen=True, slots=True)
class _Posted:
    """A posted event: its arguments by name, the message among them, the bridge's own time."""

    line: Line
    told: JsonObject
    message: JsonObject
    state: str
    sent: JsonValue

    @property
    def now(self) -> Time:
        return self.line.time(self.sent)


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one posted event means on a line; never raises, whatever it holds."""
    if not isinstance(payload, dict):
        return translation_of([Unreadable("the payload is not an object")])
    named = text(payload, "event", "dataType", "eventType", "event_type")
    if not named and "id" in payload:
        bare = _Posted(line, payload, wweb_ids.flat(payload), "", None)
        return translation_of([_message(bare)])
    named = named or text(payload, "type")
    if not named:
        return translation_of([Unreadable("no event is named")])
    event = named.strip().lower().replace(".", "_").replace("-", "_")
    if reason := _REASONS.get(event):
        return translation_of([Ignored(reason, event)])
    reader = _READERS.get(event)
    if reader is None:
        return translation_of([Ignored("unknown-event", named[:LONGEST_DETAIL])])
    return translation_of([reader(_posted(payload, line))])


def _posted(payload: JsonObject, line: Line) -> _Posted:
    told = _arguments(payload)
    message = next((found for name in _WRAPPERS if (found := mapping(told, name))), told)
    state = payload.get("data", payload.get("payload"))
    return _Posted(
        line,
        told,
        wweb_ids.flat(message),
        cleaned(state) if isinstance(state, str) else text(told, *_STATE_NAMES),
        payload.get("timestamp") if message is not payload else None,
    )


_STATE_NAMES = ("state", "reason", "status", "msg")
_WRAPPERS = ("message", "msg")
_ARGUMENTS = ("message", "second", "third")  # as `client.on` hands them over


def _arguments(payload: JsonObject) -> JsonObject:
    for name in ("data", "payload", "body", "args"):
        match payload.get(name):
            case dict() as told:
                return told
            case list() as several:
                return dict(zip(_ARGUMENTS, several, strict=False))
            case _:
                continue
    return payload


def _message(posted: _Posted) -> Outcome:
    return wweb_messages.told(posted.line, posted.message, posted.sent)


def _ack(posted: _Posted) -> Outcome:
    key = wweb_ids.read(posted.message)
    if not isinstance(key, MessageKey):
        return outcomes.of_no_message(key)
    told = (posted.told.get("ack"), posted.told.get("second"), posted.message.get("ack"))
    ack = next((found for found in map(count, told) if found is not None), None)
    # Nobody says to whom it came: the author is ourselves.
    return outcomes.acked(posted.line, replace(key, author=None), ack, posted.now)


_REVOKED = ("revokedMsg", "revoked_msg", "revokedMessage", "before", "second")


def _revoke(posted: _Posted) -> Outcome:
    key = wweb_ids.read(posted.message)
    if not isinstance(key, MessageKey):
        return key
    before = next((found for name in _REVOKED if (found := mapping(posted.told, name))), {})
    targets = (posted.message.get("protocolMessageKey"), before.get("id"))
    return wweb_messages.about(posted.line, key, posted.now, *targets).deleted()


def _edit(posted: _Posted) -> Outcome:
    told = posted.told
    body = text(told, "newBody", "new_body", "second") or words(posted.message, "body")
    return wweb_messages.edited(posted.line, posted.message, body, posted.sent)


def _reaction(posted: _Posted) -> Outcome:
    reaction = mapping(posted.told, "reaction") or posted.message
    return wweb_messages.reacted(posted.line, reaction, posted.sent)


def _vote(posted: _Posted) -> Outcome:
    vote = mapping(posted.told, "vote") or posted.message
    poll = vote.get("parentMsgKey") or mapping(vote, "parentMessage").get("id")
    voter = wweb_ids.jid(vote.get("voter")) or wweb_ids.jid(vote.get("sender"))
    return wweb_messages.voted(posted.line, vote, poll, voter, vote.get("interractedAtTs"))


def _contact_changed(posted: _Posted) -> Outcome:
    told = posted.told
    old = wweb_ids.jid(told.get("oldId")) or wweb_ids.jid(told.get("second"))
    new = wweb_ids.jid(told.get("newId")) or wweb_ids.jid(told.get("third"))
    return outcomes.number_changed(posted.line, old, new)


def _unread_count(posted: _Posted) -> Outcome:
    chat = mapping(posted.told, "chat") or posted.message
    if count(chat.get("unreadCount")) != 0:
        return Ignored("chat-update", "unread")
    key = wweb_ids.read(wweb_ids.flat(mapping(chat, "lastMessage")))
    if not isinstance(key, MessageKey) or key.from_me:
        return Ignored("chat-update", "read")
    return wweb_messages.about(posted.line, key, posted.now).read()


def _state(posted: _Posted) -> Outcome:
    status = of_socket(posted.state)
    if status is None:
        return Ignored("unknown-state", posted.state[:LONGEST_DETAIL])
    return outcomes.connection(posted.line, status, posted.now, posted.state)


def _disconnected(posted: _Posted) -> Outcome:
    reason = posted.state.strip().upper()
    status: LineStatus = "PENDING" if reason.startswith(("LOGOUT", "UNPAIRED")) else "DISCONNECTED"
    return outcomes.connection(posted.line, status, posted.now, posted.state)


def _ready(posted: _Posted) -> Outcome:
    ours = address(wweb_ids.jid(mapping(posted.told, "info").get("wid")))
    number = ours.canonical if ours and ours.kind is Kind.NUMBER else None
    return outcomes.connection(posted.line, "CONNECTED", posted.now, "ready", number)


def _opening(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "OPENING", posted.now, "authenticated")


def _code_shown(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "qrcode", posted.now)


def _status(posted: _Posted) -> Outcome:
    """Read a session's status; wwebjs-api posts a failed authentication by this name."""
    return _state(posted) if of_socket(posted.state) else _auth_failure(posted)


def _auth_failure(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "PENDING", posted.now, "auth_failure")


_READERS: dict[str, Callable[[_Posted], Outcome]] = {
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
    "contact_changed": _contact_changed,
    "unread_count": _unread_count,
    "change_state": _state,
    "state_changed": _state,
    "disconnected": _disconnected,
    "ready": _ready,
    "authenticated": _opening,
    "qr": _code_shown,
    "code": _code_shown,
    "auth_failure": _auth_failure,
    "status": _status,
    "session_status": _state,
}

_REASONS = {
    "message_revoke_me": "deleted-for-me",
    "message_ciphertext": "undecryptable",
    "message_ciphertext_failed": "undecryptable",
    "media_uploaded": "media-uploaded",
    "call": "call-ringing",  # one that nobody takes comes as a message of type call_log
    "incoming_call": "call-ringing",
    "loading_screen": "loading-progress",
    "remote_session_saved": "session-saved",
    "change_battery": "battery",
    "group_join": "group-participants-update",
    "group_leave": "group-participants-update",
    "group_admin_changed": "group-participants-update",
    "group_membership_request": "group-participants-update",
    "group_update": "group-update",
    "chat_removed": "chat-delete",
    "chat_archived": "chat-update",
}
