"""WPPConnect Server: `{event, session, …}`, with the event's own members beside those two."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from shared.gateways import wweb_ids, wweb_messages
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.line import Line, Time
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    translation_of,
)
from shared.gateways.reading import JsonObject, count, flag, mapping, text
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_record import words
from shared.gateways.wweb_states import of_finding


@dataclass(frozen=True, slots=True)
class _Posted:
    line: Line
    told: JsonObject

    @property
    def now(self) -> Time:
        """WPPConnect does not say when an event was; the message's own time is an earlier one."""
        return self.line.time()


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one posted event means on a line; never raises, whatever it holds."""
    if not isinstance(payload, dict):
        return translation_of([Unreadable("the payload is not an object")])
    named = text(payload, "event")
    if not named:
        return translation_of([Unreadable("no event is named")])
    event = named.strip().lower().replace("_", "-")
    if reason := _REASONS.get(event):
        return translation_of([Ignored(reason, event)])
    reader = _READERS.get(event)
    if reader is None:
        return translation_of([Ignored("unknown-event", named[:LONGEST_DETAIL])])
    nested = {} if "id" in payload else mapping(payload, "data") or mapping(payload, "response")
    return translation_of([reader(_Posted(line, nested or payload))])


def _message(posted: _Posted) -> Outcome:
    return wweb_messages.told(posted.line, posted.told)


def _ack(posted: _Posted) -> Outcome:
    # Under that name the first versions posted the whole message, and the mapper calls it status.
    told_of = mapping(posted.told, "ack") or posted.told
    key = wweb_ids.read(told_of)
    if not isinstance(key, MessageKey):
        return outcomes.of_no_message(key)
    # Nobody says to whom it came: the author is ourselves.
    told = count(told_of.get("ack", told_of.get("status")))
    return outcomes.acked(posted.line, replace(key, author=None), told, posted.now)


def _reaction(posted: _Posted) -> Outcome:
    return wweb_messages.reacted(posted.line, posted.told)


def _revoked(posted: _Posted) -> Outcome:
    told = posted.told
    key = wweb_ids.read(told if told.get("id") else told | {"id": told.get("refId")})
    if not isinstance(key, MessageKey):
        return key
    return wweb_messages.about(posted.line, key, posted.now, told.get("refId")).deleted()


def _edited(posted: _Posted) -> Outcome:
    told = posted.told
    message = mapping(told, "msg") or mapping(told, "message") or told
    if not message.get("id"):
        message = message | {"id": told.get("id")}
    body = words(message, "caption", "body", "content")
    return wweb_messages.edited(posted.line, message, body)


def _vote(posted: _Posted) -> Outcome:
    told = posted.told
    voter = wweb_ids.jid(told.get("sender"))
    return wweb_messages.voted(posted.line, told, told.get("msgId"), voter, told.get("timestamp"))


def _call(posted: _Posted) -> Outcome:
    call = posted.told
    if flag(call, "outgoing"):
        return Ignored("call-outgoing")
    if not flag(call, "offerReceivedWhileOffline"):
        return Ignored("call-ringing")
    return wweb_messages.missed_call(
        posted.line, call, call.get("peerJid"), call.get("offerTime"), call.get("timestamp")
    )


def _status(posted: _Posted) -> Outcome:
    found = text(posted.told, "status", "state")
    status = of_finding(found)
    if status is None:
        return Ignored("unknown-state", found[:LONGEST_DETAIL])
    return outcomes.connection(posted.line, status, posted.now, found)


def _code_shown(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "qrcode", posted.now)


def _logged_in(posted: _Posted) -> Outcome:
    if posted.told.get("status") is False:
        return outcomes.connection(posted.line, "DISCONNECTED", posted.now, "session-logged")
    return outcomes.connection(posted.line, "CONNECTED", posted.now, "session-logged")


def _closed(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "DISCONNECTED", posted.now, "closesession")


def _failed(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "DISCONNECTED", posted.now, "session-error")


def _logged_out(posted: _Posted) -> Outcome:
    return outcomes.connection(posted.line, "PENDING", posted.now, "logoutsession")


_READERS: dict[str, Callable[[_Posted], Outcome]] = {
    "onmessage": _message,
    "onanymessage": _message,
    "onselfmessage": _message,
    "onnotificationmessage": _message,
    "unreadmessages": _message,
    "received-message": _message,
    "onack": _ack,
    "onreactionmessage": _reaction,
    "onrevokedmessage": _revoked,
    "onmessageedit": _edited,
    "onmessageedited": _edited,
    "onpollresponse": _vote,
    "incomingcall": _call,
    "onincomingcall": _call,
    "status-find": _status,
    "onstatechange": _status,
    "onstatechanged": _status,
    "qrcode": _code_shown,
    "phonecode": _code_shown,
    "session-logged": _logged_in,
    "session-error": _failed,
    "closesession": _closed,
    "logoutsession": _logged_out,
}

_REASONS = {
    "onpresencechanged": "presence-update",
    "onparticipantschanged": "group-participants-update",
    "onaddedtogroup": "group-update",
    "onupdatelabel": "label-association",
    "onnewchat": "chat-update",
    "onorderstatusupdate": "order-status",
    "location": "live-location-update",
    "onlivelocation": "live-location-update",
}
