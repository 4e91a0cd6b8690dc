"""WPPConnect Server: the table of its event names, and their translators.

An event is `{event, session, …}` with its own members beside those two. A new event type goes into
`_TRANSLATORS`, or into `_IGNORED` with its reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from shared.gateways.normalize.connection_updates import build_connection_update
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import (
    LONGEST_DETAIL,
    Ignored,
    PartOutcome,
    Translation,
    Unreadable,
    build_translation,
)
from shared.gateways.proto_message.key import MessageKey
from shared.gateways.whatsapp_web.connection_states import find_session_status
from shared.gateways.whatsapp_web.event_builders import build_ack, ignore_without_message
from shared.gateways.whatsapp_web.ids import read_jid, read_message_key
from shared.gateways.whatsapp_web.messages import (
    build_changed_message,
    translate_edit,
    translate_missed_call,
    translate_reaction,
    translate_vote,
    translate_web_message,
)
from shared.gateways.whatsapp_web.texts import read_words


@dataclass(frozen=True, slots=True)
class _PostedEvent:
    line: Line
    data: JsonObject

    @property
    def now(self) -> Time:
        """The time of receipt: the event has none, and the message's own time is earlier."""
        return self.line.read_time()


def translate(payload: JsonValue, line: Line) -> Translation:
    """Translate one posted event; never raises, whatever the payload holds."""
    if not isinstance(payload, dict):
        return build_translation([Unreadable("the payload is not an object")])
    raw_name = read_text(payload, "event")
    if not raw_name:
        return build_translation([Unreadable("no event is named")])
    name = raw_name.strip().lower().replace("_", "-")
    if reason := _IGNORED.get(name):
        return build_translation([Ignored(reason, name)])
    translator = _TRANSLATORS.get(name)
    if translator is None:
        return build_translation([Ignored("unknown-event", raw_name[:LONGEST_DETAIL])])
    inner = (
        {} if "id" in payload else read_object(payload, "data") or read_object(payload, "response")
    )
    return build_translation([translator(_PostedEvent(line, inner or payload))])


def _translate_message(event: _PostedEvent) -> PartOutcome:
    return translate_web_message(event.line, event.data)


def _translate_ack(event: _PostedEvent) -> PartOutcome:
    # The first versions post the whole message as `ack`; the mapper names the number `status`.
    message = read_object(event.data, "ack") or event.data
    key = read_message_key(message)
    if not isinstance(key, MessageKey):
        return ignore_without_message(key)
    # The recipient is not reported: the author of the key is us.
    ack = parse_count(message.get("ack", message.get("status")))
    return build_ack(event.line, replace(key, author=None), ack, event.now)


def _translate_reaction(event: _PostedEvent) -> PartOutcome:
    return translate_reaction(event.line, event.data)


def _translate_revoke(event: _PostedEvent) -> PartOutcome:
    data = event.data
    key = read_message_key(data if data.get("id") else data | {"id": data.get("refId")})
    if not isinstance(key, MessageKey):
        return key
    return build_changed_message(event.line, key, event.now, data.get("refId")).build_deletion()


def _translate_edit(event: _PostedEvent) -> PartOutcome:
    data = event.data
    message = read_object(data, "msg") or read_object(data, "message") or data
    if not message.get("id"):
        message = message | {"id": data.get("id")}
    body = read_words(message, "caption", "body", "content")
    return translate_edit(event.line, message, body)


def _translate_vote(event: _PostedEvent) -> PartOutcome:
    data = event.data
    voter = read_jid(data.get("sender"))
    return translate_vote(event.line, data, data.get("msgId"), voter, data.get("timestamp"))


def _translate_call(event: _PostedEvent) -> PartOutcome:
    call = event.data
    if read_flag(call, "outgoing"):
        return Ignored("call-outgoing")
    if not read_flag(call, "offerReceivedWhileOffline"):
        return Ignored("call-ringing")
    return translate_missed_call(
        event.line, call, call.get("peerJid"), call.get("offerTime"), call.get("timestamp")
    )


def _translate_status(event: _PostedEvent) -> PartOutcome:
    state = read_text(event.data, "status", "state")
    status = find_session_status(state)
    if status is None:
        return Ignored("unknown-state", state[:LONGEST_DETAIL])
    return build_connection_update(event.line, status, event.now, state)


def _translate_qr_code(event: _PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "qrcode", event.now)


def _translate_session_logged(event: _PostedEvent) -> PartOutcome:
    if event.data.get("status") is False:
        return build_connection_update(event.line, "DISCONNECTED", event.now, "session-logged")
    return build_connection_update(event.line, "CONNECTED", event.now, "session-logged")


def _translate_close(event: _PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "DISCONNECTED", event.now, "closesession")


def _translate_session_error(event: _PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "DISCONNECTED", event.now, "session-error")


def _translate_logout(event: _PostedEvent) -> PartOutcome:
    return build_connection_update(event.line, "PENDING", event.now, "logoutsession")


_TRANSLATORS: dict[str, Callable[[_PostedEvent], PartOutcome]] = {
    "onmessage": _translate_message,
    "onanymessage": _translate_message,
    "onselfmessage": _translate_message,
    "onnotificationmessage": _translate_message,
    "unreadmessages": _translate_message,
    "received-message": _translate_message,
    "onack": _translate_ack,
    "onreactionmessage": _translate_reaction,
    "onrevokedmessage": _translate_revoke,
    "onmessageedit": _translate_edit,
    "onmessageedited": _translate_edit,
    "onpollresponse": _translate_vote,
    "incomingcall": _translate_call,
    "onincomingcall": _translate_call,
    "status-find": _translate_status,
    "onstatechange": _translate_status,
    "onstatechanged": _translate_status,
    "qrcode": _translate_qr_code,
    "phonecode": _translate_qr_code,
    "session-logged": _translate_session_logged,
    "session-error": _translate_session_error,
    "closesession": _translate_close,
    "logoutsession": _translate_logout,
}

_IGNORED = {
    "onpresencechanged": "presence-update",
    "onparticipantschanged": "group-participants-update",
    "onaddedtogroup": "group-update",
    "onupdatelabel": "label-association",
    "onnewchat": "chat-update",
    "onorderstatusupdate": "order-status",
    "location": "live-location-update",
    "onlivelocation": "live-location-update",
}
