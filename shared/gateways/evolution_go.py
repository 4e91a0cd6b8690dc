"""Evolution Go: whatsmeow's events in an envelope, or the simpler form of its documentation."""

from collections.abc import Callable, Iterable

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.connection import LineStatus
from shared.gateways import (
    baileys_calls,
    baileys_connection,
    baileys_contacts,
    baileys_events,
    baileys_updates,
    baileys_upsert,
    evolution_go_receipts,
)
from shared.gateways.evolution_go_names import respelled
from shared.gateways.identity import person
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Translation, Unreadable, translation_of
from shared.gateways.reading import JsonObject, cleaned, enumerated, mapping, text

Outcome = Event | Ignored | Unreadable


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one of Evolution Go's events means on a line; never raises, whatever it holds."""
    name = text(payload, "event") if isinstance(payload, dict) else ""
    if not isinstance(payload, dict) or not name:
        return translation_of([Unreadable("event is not text")])
    event = baileys_events.plain(name).replace(".", "")  # `SendMessage`, `SEND_MESSAGE`
    if event in _IGNORED:
        return translation_of([Ignored(_IGNORED[event], cleaned(name)[:LONGEST_DETAIL])])
    reader = _READERS.get(event)
    if reader is None:
        return translation_of([Ignored("unknown-event", cleaned(name)[:LONGEST_DETAIL])])
    data = payload.get("data") or {}  # some states have no more to say
    if not isinstance(data, dict):
        return translation_of([Unreadable("data is not an object")])
    return translation_of(reader({"state": payload.get("state"), **data}, event, line))


def _message(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    if "Info" not in data:
        yield baileys_upsert.received(data, line) if data.get("key") else _no_message(data)
        return
    yield baileys_upsert.received(_as_baileys(data), line)


def _no_message(data: JsonObject) -> Ignored | Unreadable:
    is_empty = not any(value for name, value in data.items() if name != "state")
    return Ignored("empty-message", "no data") if is_empty else Unreadable("data has no key")


_WITHHELD = {"IsUnavailable", "UnavailableType", "DecryptFailMode"}  # whatsmeow's undecryptables


def _as_baileys(data: JsonObject) -> JsonObject:
    info = mapping(data, "Info")
    found: JsonObject = {
        "key": evolution_go_receipts.key(info, text(info, "ID")),
        "messageTimestamp": info.get("Timestamp"),
        "pushName": info.get("PushName"),
        "verifiedBizName": mapping(info, "VerifiedName", "Details").get("verifiedName"),
        "contextInfo": respelled(mapping(data, "MessageContextInfo")),
    }
    if data.get("Message") is not None:
        return {**found, "message": respelled(data["Message"])}
    return {**found, "messageStubType": "CIPHERTEXT"} if _WITHHELD & data.keys() else found


def _receipt(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    if "MessageIDs" not in data and mapping(data, "key"):  # as its documentation writes keys
        return baileys_updates.updates(data, line)
    return evolution_go_receipts.receipts(data, line)


_ANSWERED = {"accepted_elsewhere": "call-accepted", "rejected_elsewhere": "call-rejected"}


def _call_ended(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    reason = text(data, "Reason").strip().lower()
    if reason in _ANSWERED:
        yield Ignored(_ANSWERED[reason])
        return
    is_group = bool(text(data, "GroupJID"))
    if not is_group and baileys_calls.differ(text(data, "From"), text(data, "CallCreator")):
        yield Ignored("own-call", reason[:LONGEST_DETAIL])
        return
    callers = [text(data, name) for name in ("CallCreator", "CallCreatorAlt", "From")]
    told: JsonObject = {
        "id": data.get("CallID"),
        "timestamp": data.get("Timestamp"),
        "reason": reason,
    }
    yield baileys_calls.missed(told, text(data, "GroupJID"), callers, line)


def _call(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    yield baileys_calls.call(data, line)


_STATES: dict[str, LineStatus] = {
    "connected": "CONNECTED",
    "pairsuccess": "CONNECTED",
    "qrsuccess": "OPENING",
    "qrcode": "qrcode",
    "qrtimeout": "TIMEOUT",
    "disconnected": "DISCONNECTED",
    "temporaryban": "DISCONNECTED",
    "streamreplaced": "DISCONNECTED",
    "loggedout": "PENDING",
}


def _state(data: JsonObject, event: str, line: Line) -> Iterable[Outcome]:
    jids = (text(data, "jid"), text(data, "ID")) if _STATES[event] == "CONNECTED" else ()
    reason = text(data, "reason") or enumerated(data.get("Reason"))
    number = baileys_connection.number_of(*jids)
    yield baileys_connection.told(line, _STATES[event], reason=reason or None, number=number)


_LOGGED_OUT = {"401", "403", "406"}  # whatsmeow's ConnectFailureReason.IsLoggedOut


def _failure(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    code = enumerated(data.get("Reason"))
    status: LineStatus = "PENDING" if code in _LOGGED_OUT else "DISCONNECTED"
    yield baileys_connection.told(line, status, reason=text(data, "Message") or code or None)


def _connection(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    return baileys_connection.connection(data, line)


_NAMES = ("JID", "JIDAlt", "jid", "remoteJid")
_LINKED = ("pnJID", "lidJID", "PnJID", "LidJID")


def _contact(data: JsonObject, _: str, line: Line) -> Iterable[Outcome]:
    action = mapping(data, "Action")
    jids = [text(data, name) for name in _NAMES] + [text(action, name) for name in _LINKED]
    party = person(jid for jid in jids if "@" in jid)
    name = text(data, "NewPushName") or text(action, "fullName", "firstName")
    link = baileys_contacts.link(line, party, name) if party else None
    yield link or Ignored("contact-update", jids[0][:LONGEST_DETAIL])


_READERS: dict[str, Callable[[JsonObject, str, Line], Iterable[Outcome]]] = {
    "message": _message,
    "sendmessage": _message,
    "receipt": _receipt,
    "readreceipt": _receipt,
    "call": _call,
    "callterminate": _call_ended,
    "connection": _connection,
    "connectfailure": _failure,
    "contact": _contact,
    "pushname": _contact,
    **dict.fromkeys(_STATES, _state),
}
_IGNORED = {
    "archive": "chat-update",
    "callaccept": "call-accepted",
    "calloffer": "call-ringing",
    "calloffernotice": "call-ringing",
    "callpreaccept": "call-ringing",
    "callreject": "call-rejected",
    "callrelaylatency": "call-ringing",
    "calltransport": "call-ringing",
    "chatpresence": "presence-update",
    "group": "group-update",
    "groupinfo": "group-update",
    "groupupdate": "group-update",
    "historysync": "history-set",
    "joinedgroup": "group-update",
    "label": "label-edit",
    "labelassociationchat": "label-association",
    "labelassociationmessage": "label-association",
    "labeledit": "label-edit",
    "newsletter": "newsletter",
    "newsletterjoin": "newsletter",
    "newsletterleave": "newsletter",
    "offlinesynccompleted": "history-status",
    "presence": "presence-update",
}
