"""WAHA: its envelope and the events of its four engines (field notes 3.3)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.contracts.message_change import DELIVERED, FAILED, ON_SERVER, PENDING, PLAYED, READ
from shared.gateways import waha_message, wweb_ids, wweb_messages
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.identity import Kind, Party, address, person
from shared.gateways.line import Line, Time
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    translation_of,
)
from shared.gateways.reading import JsonObject, count, items, mapping, text
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_record import words


@dataclass(frozen=True, slots=True)
class _Posted:
    """An event: its payload, when WAHA sent it, and who we are on the line."""

    line: Line
    told: JsonObject
    sent: JsonValue
    me: JsonObject

    @property
    def now(self) -> Time:
        return self.line.time(self.sent)


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one of WAHA's events means on a line; never raises, whatever it holds."""
    if not isinstance(payload, dict):
        return translation_of([Unreadable("the envelope is not an object")])
    event = text(payload, "event").strip().lower()
    if not event:
        return translation_of([Unreadable("no event is named")])
    reason = next((why for prefix, why in _REASONS.items() if event.startswith(prefix)), None)
    if reason:
        return translation_of([Ignored(reason, event[:LONGEST_DETAIL])])
    reader, told = _READERS.get(event), payload.get("payload")
    if reader is None or told == {}:
        reason = "empty-payload" if reader else "unknown-event"
        return translation_of([Ignored(reason, event[:LONGEST_DETAIL])])
    if not isinstance(told, dict):
        return translation_of([Unreadable("payload is not an object")])
    return translation_of(
        [reader(_Posted(line, told, payload.get("timestamp"), mapping(payload, "me")))]
    )


def _message(posted: _Posted) -> Outcome:
    return waha_message.told(posted.line, posted.told, posted.sent)


_ACKS = {
    "ERROR": FAILED,
    "PENDING": PENDING,
    "SERVER": ON_SERVER,
    "DEVICE": DELIVERED,
    "READ": READ,
    "PLAYED": PLAYED,
}


def _ack(posted: _Posted) -> Outcome:
    told = posted.told
    # WEBJS' `fromMe` says of groups whose the receipt is; whose the message is, its id says.
    whose = wweb_ids.message_id(told.get("id")).from_me
    key = waha_message.key(told if whose is None else told | {"fromMe": whose})
    if not isinstance(key, MessageKey):
        return outcomes.of_no_message(key)
    named = text(told, "ackName").strip().upper()
    ack = count(told.get("ack"))
    if ack is None:
        ack = _ACKS.get(named)
    if ack is None and told.get("ack") is None:
        return Ignored("unknown-ack", named[:LONGEST_DETAIL])
    # The payload's own time is when the message was written.
    key = replace(key, author=_recipient(posted) if key.is_group else None)
    return outcomes.acked(posted.line, key, ack, posted.now)


def _recipient(posted: _Posted) -> Party | None:
    """Read who acknowledged in a group; WEBJS writes ourselves where nobody in particular did."""
    receipt = mapping(posted.told, "_data")
    number = text(receipt, "SenderAlt") or text(mapping(receipt, "key"), "participantAlt")
    found = person([text(posted.told, "participant"), number])
    ourselves = {me.canonical for name in ("id", "lid") if (me := address(text(posted.me, name)))}
    return found if found and found.canonical not in ourselves else None


def _reaction(posted: _Posted) -> Outcome:
    told = posted.told
    key = waha_message.key(told)
    if not isinstance(key, MessageKey):
        return key
    reaction = mapping(told, "reaction")
    target = reaction.get("messageId")
    if wweb_ids.wid(target) is None:
        return Unreadable("a reaction to no message")
    at = posted.line.time(told.get("timestamp"), posted.sent)
    return wweb_messages.about(posted.line, key, at, target).reacted(text(reaction, "text").strip())


def _edited(posted: _Posted) -> Outcome:
    told = posted.told
    key, body = waha_message.key(told), words(told, "body")
    if not isinstance(key, MessageKey):
        return key
    if not body and (why := waha_message.why_wordless(told)):
        return why
    at = posted.line.time(
        mapping(told, "_data").get("latestEditSenderTimestampMs"),
        posted.sent,
        told.get("timestamp"),
    )
    targets = (told.get("editedMessageId"), waha_message.changed_wid(told))
    return wweb_messages.about(posted.line, key, at, *targets).edited(body)


def _revoked(posted: _Posted) -> Outcome:
    told = posted.told
    after, before = mapping(told, "after"), mapping(told, "before")
    key = waha_message.key(waha_message.revoke(told))
    if not isinstance(key, MessageKey):
        return key
    original = mapping(after, "_data").get("protocolMessageKey")
    protocol = waha_message.changed_wid(after)
    targets = (told.get("revokedMessageId"), original, protocol, before.get("id"))
    return wweb_messages.about(posted.line, key, posted.now, *targets).deleted()


def _vote(posted: _Posted) -> Outcome:
    vote, poll = mapping(posted.told, "vote"), mapping(posted.told, "poll")
    # WhatsApp Web keeps no votes' ids: WEBJS and WPP leave them out or give the poll's.
    if wweb_ids.wid(vote.get("id")) in {None, wweb_ids.wid(poll.get("id"))}:
        voter = text(vote, "participant", "from")
        return wweb_messages.voted(posted.line, vote, poll.get("id"), voter, vote.get("timestamp"))
    key = waha_message.key(vote | {"_data": posted.told.get("_data")})
    if not isinstance(key, MessageKey):
        return key
    at = posted.line.time(vote.get("timestamp"), posted.sent)
    return wweb_messages.chosen(posted.line, key, poll.get("id"), vote, at)


def _call_over(posted: _Posted) -> Outcome:
    """Tell of a call that was declined or given up: WAHA tells apart only those taken."""
    call, raw = posted.told, mapping(posted.told, "_data")
    if text(raw, "Reason") == "accepted_elsewhere":
        return Ignored("call-accepted", "accepted_elsewhere")
    return wweb_messages.missed_call(
        posted.line,
        call,
        call.get("from"),
        call.get("timestamp"),
        posted.sent,
        number=text(raw, "callerPn", "CallCreatorAlt"),  # NOWEB's and GOWS', beside a LID
    )


_STATES: dict[str, LineStatus] = {
    "STARTING": "OPENING",
    "SCAN_QR_CODE": "qrcode",
    "WORKING": "CONNECTED",
    "FAILED": "DISCONNECTED",
    "STOPPED": "DISCONNECTED",
}


def _session(posted: _Posted) -> Outcome:
    named = text(posted.told, "status").strip().upper()
    status = "OPENING" if named.startswith("PASSKEY_") else _STATES.get(named)
    if status is None:
        return Ignored("unknown-state", named[:LONGEST_DETAIL])
    at = posted.line.time(_since(posted.told, named), posted.sent)
    me = address(text(posted.me, "id"))
    number = me.canonical if me and me.kind is Kind.NUMBER and status == "CONNECTED" else None
    return outcomes.connection(posted.line, status, at, named, number)


def _since(told: JsonObject, named: str) -> JsonValue:
    """Give the time of the newest of the recent states, which is the one told."""
    newest = items(told.get("statuses"))[-1:]
    for state in newest:
        if isinstance(state, dict) and state.get("status") == named:
            return state.get("timestamp")
    return None


_READERS: dict[str, Callable[[_Posted], Outcome]] = {
    "message": _message,
    "message.any": _message,
    "message.ack": _ack,
    "message.ack.group": _ack,
    "message.reaction": _reaction,
    "message.edited": _edited,
    "message.revoked": _revoked,
    "poll.vote": _vote,
    "call.rejected": _call_over,
    "session.status": _session,
}

# By prefix, the longer first where one begins with the other.
_REASONS = {
    "message.waiting": "undecryptable",
    "poll.vote.failed": "encrypted-poll-vote",
    "event.response": "event-reply",
    "state.change": "engine-state",  # session.status tells the line's own
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
