"""WAHA: the table of its event names, and their translators.

A new event type goes into `_TRANSLATORS`, or into `_IGNORED_PREFIXES` with its reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.contracts.message_change import DELIVERED, FAILED, ON_SERVER, PENDING, PLAYED, READ
from shared.gateways.normalize.addresses import AddressKind, Party, join_addresses, parse_address
from shared.gateways.normalize.connection_updates import build_connection_update
from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    parse_count,
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
from shared.gateways.proto_message.content import Content
from shared.gateways.proto_message.event_replies import read_event_reply
from shared.gateways.proto_message.key import MessageKey
from shared.gateways.waha.message import (
    build_description,
    explain_edit_without_text,
    read_changed_wid,
    read_message_key,
    read_proto_message,
    read_revoked_message,
    read_withheld_content,
    translate_message,
)
from shared.gateways.whatsapp_web.event_builders import (
    build_ack,
    build_web_message,
    ignore_without_message,
)
from shared.gateways.whatsapp_web.ids import find_wid, parse_message_id
from shared.gateways.whatsapp_web.messages import (
    build_changed_message,
    translate_chosen_options,
    translate_missed_call,
    translate_vote,
)
from shared.gateways.whatsapp_web.texts import read_words


@dataclass(frozen=True, slots=True)
class _PostedEvent:
    """One posted event: its payload, when WAHA sent it, and our own account on the line."""

    line: Line
    data: JsonObject
    sent: JsonValue
    me: JsonObject

    @property
    def now(self) -> Time:
        return self.line.read_time(self.sent)


def translate(payload: JsonValue, line: Line) -> Translation:
    """Translate one event; never raises, whatever the payload holds."""
    if not isinstance(payload, dict):
        return build_translation([Unreadable("the envelope is not an object")])
    name = read_text(payload, "event").strip().lower()
    if not name:
        return build_translation([Unreadable("no event is named")])
    reason = next(
        (why for prefix, why in _IGNORED_PREFIXES.items() if name.startswith(prefix)), None
    )
    if reason:
        return build_translation([Ignored(reason, name[:LONGEST_DETAIL])])
    translator, data = _TRANSLATORS.get(name), payload.get("payload")
    if translator is None or data == {}:
        reason = "empty-payload" if translator else "unknown-event"
        return build_translation([Ignored(reason, name[:LONGEST_DETAIL])])
    if not isinstance(data, dict):
        return build_translation([Unreadable("payload is not an object")])
    return build_translation(
        [translator(_PostedEvent(line, data, payload.get("timestamp"), read_object(payload, "me")))]
    )


def _translate_message(event: _PostedEvent) -> PartOutcome:
    return translate_message(event.line, event.data, event.sent)


_ACKS = {
    "ERROR": FAILED,
    "PENDING": PENDING,
    "SERVER": ON_SERVER,
    "DEVICE": DELIVERED,
    "READ": READ,
    "PLAYED": PLAYED,
}


def _translate_ack(event: _PostedEvent) -> PartOutcome:
    data = event.data
    # In groups, WEBJS' `fromMe` is about the receipt; the author of the message is in its id.
    from_me = parse_message_id(data.get("id")).from_me
    key = read_message_key(data if from_me is None else data | {"fromMe": from_me})
    if not isinstance(key, MessageKey):
        return ignore_without_message(key)
    ack_name = read_text(data, "ackName").strip().upper()
    ack = parse_count(data.get("ack"))
    if ack is None:
        ack = _ACKS.get(ack_name)
    if ack is None and data.get("ack") is None:
        return Ignored("unknown-ack", ack_name[:LONGEST_DETAIL])
    # The time in the payload is when the message was written, not when it was acknowledged.
    key = replace(key, author=_read_recipient(event) if key.is_group else None)
    return build_ack(event.line, key, ack, event.now)


def _read_recipient(event: _PostedEvent) -> Party | None:
    """Return the group member who acknowledged; None if WEBJS names our own account."""
    receipt = read_object(event.data, "_data")
    number = read_text(receipt, "SenderAlt") or read_text(
        read_object(receipt, "key"), "participantAlt"
    )
    recipient = join_addresses([read_text(event.data, "participant"), number])
    ourselves = {
        me.canonical for name in ("id", "lid") if (me := parse_address(read_text(event.me, name)))
    }
    return recipient if recipient and recipient.canonical not in ourselves else None


def _translate_reaction(event: _PostedEvent) -> PartOutcome:
    data = event.data
    key = read_message_key(data)
    if not isinstance(key, MessageKey):
        return key
    reaction = read_object(data, "reaction")
    target = reaction.get("messageId")
    if find_wid(target) is None:
        return Unreadable("a reaction to no message")
    at = event.line.read_time(data.get("timestamp"), event.sent)
    return build_changed_message(event.line, key, at, target).build_reaction(
        read_text(reaction, "text").strip()
    )


def _translate_edit(event: _PostedEvent) -> PartOutcome:
    data = event.data
    key, body = read_message_key(data), read_words(data, "body")
    if not isinstance(key, MessageKey):
        return key
    proto = read_proto_message(data)
    if not body and (reason := explain_edit_without_text(data, proto)):
        return _build_message(event, reason, proto) if isinstance(reason, Content) else reason
    at = event.line.read_time(
        read_object(data, "_data").get("latestEditSenderTimestampMs"),
        event.sent,
        data.get("timestamp"),
    )
    targets = (data.get("editedMessageId"), read_changed_wid(proto))
    return build_changed_message(event.line, key, at, *targets).build_edit(body)


def _translate_revoke(event: _PostedEvent) -> PartOutcome:
    data = event.data
    after, before = read_object(data, "after"), read_object(data, "before")
    key = read_message_key(read_revoked_message(data))
    if not isinstance(key, MessageKey):
        return key
    original = read_object(after, "_data").get("protocolMessageKey")
    protocol = read_changed_wid(read_proto_message(after))
    targets = (data.get("revokedMessageId"), original, protocol, before.get("id"))
    return build_changed_message(event.line, key, event.now, *targets).build_deletion()


def _translate_waiting(event: _PostedEvent) -> PartOutcome:
    """Translate a message that WhatsApp shows as "waiting for this message"."""
    proto = read_proto_message(event.data)
    return _build_message(event, read_withheld_content(proto), proto)


def _translate_event_reply(event: _PostedEvent) -> PartOutcome:
    reply = read_event_reply(event.data.get("eventResponse"))
    replied = find_wid(read_object(event.data, "eventCreationKey").get("id"))
    proto = read_proto_message(event.data)
    return _build_message(event, Content(*reply, quoted_wid=replied), proto)


def _build_message(event: _PostedEvent, content: Content, proto: JsonObject | None) -> PartOutcome:
    key = read_message_key(event.data)
    if not isinstance(key, MessageKey):
        return key
    at = event.line.read_time(event.data.get("timestamp"), event.sent)
    description = build_description(event.data, proto)
    return build_web_message(event.line, key, content, at, event.data, description)


def _translate_failed_vote(event: _PostedEvent) -> PartOutcome:
    vote = read_object(event.data, "vote") | {"selectedOptions": None}
    return _translate_vote(replace(event, data=event.data | {"vote": vote}))


def _translate_vote(event: _PostedEvent) -> PartOutcome:
    vote, poll = read_object(event.data, "vote"), read_object(event.data, "poll")
    # WhatsApp Web has no ids of votes: WEBJS and WPP omit them or send the poll's.
    if find_wid(vote.get("id")) in {None, find_wid(poll.get("id"))}:
        voter = read_text(vote, "participant", "from")
        return translate_vote(event.line, vote, poll.get("id"), voter, vote.get("timestamp"))
    key = read_message_key(vote | {"_data": event.data.get("_data")})
    if not isinstance(key, MessageKey):
        return key
    at = event.line.read_time(vote.get("timestamp"), event.sent)
    return translate_chosen_options(event.line, key, poll.get("id"), vote, at)


def _translate_ended_call(event: _PostedEvent) -> PartOutcome:
    """Translate the end of a call; WAHA reports declined and given-up calls alike."""
    call, raw = event.data, read_object(event.data, "_data")
    if read_text(raw, "Reason") == "accepted_elsewhere":
        return Ignored("call-accepted", "accepted_elsewhere")
    return translate_missed_call(
        event.line,
        call,
        call.get("from"),
        call.get("timestamp"),
        event.sent,
        number=read_text(raw, "callerPn", "CallCreatorAlt"),  # from NOWEB and GOWS, beside a LID
    )


_STATES: dict[str, LineStatus] = {
    "STARTING": "OPENING",
    "SCAN_QR_CODE": "qrcode",
    "WORKING": "CONNECTED",
    "FAILED": "DISCONNECTED",
    "STOPPED": "DISCONNECTED",
}


def _translate_session_status(event: _PostedEvent) -> PartOutcome:
    state = read_text(event.data, "status").strip().upper()
    status = "OPENING" if state.startswith("PASSKEY_") else _STATES.get(state)
    if status is None:
        return Ignored("unknown-state", state[:LONGEST_DETAIL])
    since = event.line.read_time(_read_status_time(event.data, state), event.sent)
    me = parse_address(read_text(event.me, "id"))
    number = (
        me.canonical if me and me.kind is AddressKind.NUMBER and status == "CONNECTED" else None
    )
    return build_connection_update(event.line, status, since, state, number)


def _read_status_time(data: JsonObject, status: str) -> JsonValue:
    """Return the time of the newest of the recent states, which is the reported one."""
    newest = as_list(data.get("statuses"))[-1:]
    for state in newest:
        if isinstance(state, dict) and state.get("status") == status:
            return state.get("timestamp")
    return None


_TRANSLATORS: dict[str, Callable[[_PostedEvent], PartOutcome]] = {
    "message": _translate_message,
    "message.any": _translate_message,
    "message.ack": _translate_ack,
    "message.ack.group": _translate_ack,
    "message.reaction": _translate_reaction,
    "message.edited": _translate_edit,
    "message.revoked": _translate_revoke,
    "message.waiting": _translate_waiting,
    "event.response": _translate_event_reply,
    "event.response.failed": _translate_event_reply,
    "poll.vote": _translate_vote,
    "poll.vote.failed": _translate_failed_vote,
    "call.rejected": _translate_ended_call,
    "session.status": _translate_session_status,
}

# By prefix; where one begins with another, the longer one is first.
_IGNORED_PREFIXES = {
    "state.change": "engine-state",  # the state of the line comes as session.status
    "engine.event": "engine-event",
    "presence.update": "presence-update",
    "group.v2.participants": "group-participants-update",
    "group.v2.": "group-update",
    "group.join": "group-participants-update",
    "group.leave": "group-participants-update",
    "label.chat.": "label-association",
    "label.": "label-edit",
    "chat.archive": "chat-update",
    "call.received": "call-ringing",
    "call.accepted": "call-accepted",
}
