"""Evolution Go: the table of its event names, and their translators.

An event is one of whatsmeow in an envelope, or has the form of the documentation, which is that of
Baileys. A new event type goes into `_TRANSLATORS`, or into `_IGNORED` with its reason.
"""

from collections.abc import Callable, Iterable

from pydantic import JsonValue

from shared.contracts.connection import LineStatus
from shared.gateways.baileys.calls import build_missed_call, is_own_call, translate_call
from shared.gateways.baileys.connection import translate_connection
from shared.gateways.baileys.events import normalize_name
from shared.gateways.baileys.message_updates import translate_updates
from shared.gateways.evolution_go.names import respell_names
from shared.gateways.evolution_go.receipts import build_key, translate_receipts
from shared.gateways.normalize.addresses import join_addresses
from shared.gateways.normalize.connection_updates import build_connection_update, find_number
from shared.gateways.normalize.contact_links import build_contact_link
from shared.gateways.normalize.json_values import (
    JsonObject,
    clean_text,
    read_enum,
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
from shared.gateways.proto_message.received_message import translate_message


def translate(payload: JsonValue, line: Line) -> Translation:
    """Translate one event; never raises, whatever the payload holds."""
    name = read_text(payload, "event") if isinstance(payload, dict) else ""
    if not isinstance(payload, dict) or not name:
        return build_translation([Unreadable("event is not text")])
    event = normalize_name(name).replace(".", "")  # `SendMessage`, `SEND_MESSAGE`
    if event in _IGNORED:
        return build_translation([Ignored(_IGNORED[event], clean_text(name)[:LONGEST_DETAIL])])
    translator = _TRANSLATORS.get(event)
    if translator is None:
        return build_translation([Ignored("unknown-event", clean_text(name)[:LONGEST_DETAIL])])
    data = payload.get("data") or {}  # some states have no data
    if not isinstance(data, dict):
        return build_translation([Unreadable("data is not an object")])
    return build_translation(translator({"state": payload.get("state"), **data}, event, line))


def _translate_message(data: JsonObject, event: str, line: Line) -> Iterable[PartOutcome]:
    if "Info" not in data:
        yield translate_message(data, line) if data.get("key") else _reject_without_key(data)
        return
    yield translate_message(_build_proto_message(data, event), line)


def _reject_without_key(data: JsonObject) -> Ignored | Unreadable:
    is_empty = not any(value for name, value in data.items() if name != "state")
    return Ignored("empty-payload", "no data") if is_empty else Unreadable("data has no key")


# Members of whatsmeow's UndecryptableMessage.
UNDECRYPTABLE_EVENT = "undecryptablemessage"
_WITHHELD = {"IsUnavailable", "UnavailableType", "DecryptFailMode"}


def _build_proto_message(data: JsonObject, event: str) -> JsonObject:
    info = read_object(data, "Info")
    key = build_key(info, read_text(info, "ID"))
    message: JsonObject = {
        "key": key,
        "messageTimestamp": info.get("Timestamp"),
        "pushName": info.get("PushName"),
        "verifiedBizName": read_object(info, "VerifiedName", "Details").get("verifiedName"),
        "contextInfo": respell_names(read_object(data, "MessageContextInfo")),
    }
    if data.get("Message"):
        return {**message, "message": respell_names(data["Message"])}
    if read_text(data, "UnavailableType").strip().lower() == "view_once":
        message["key"] = {**key, "isViewOnce": True}
    is_withheld = event == UNDECRYPTABLE_EVENT or _WITHHELD & data.keys()
    return {**message, "messageStubType": "CIPHERTEXT"} if is_withheld else message


def _translate_receipt(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    if "MessageIDs" not in data and read_object(data, "key"):  # the form of its documentation
        return translate_updates(data, line)
    return translate_receipts(data, line)


_ANSWERED = {"accepted_elsewhere": "call-accepted", "rejected_elsewhere": "call-rejected"}


def _translate_ended_call(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    reason = read_text(data, "Reason").strip().lower()
    if reason in _ANSWERED:
        yield Ignored(_ANSWERED[reason])
        return
    is_group = bool(read_text(data, "GroupJID"))
    if not is_group and is_own_call(read_text(data, "From"), read_text(data, "CallCreator")):
        yield Ignored("own-call", reason[:LONGEST_DETAIL])
        return
    callers = [read_text(data, name) for name in ("CallCreator", "CallCreatorAlt", "From")]
    call: JsonObject = {
        "id": data.get("CallID"),
        "timestamp": data.get("Timestamp"),
        "reason": reason,
    }
    yield build_missed_call(call, read_text(data, "GroupJID"), callers, line)


def _translate_call(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    yield translate_call(data, line)


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


def _translate_state(data: JsonObject, event: str, line: Line) -> Iterable[PartOutcome]:
    jids = (read_text(data, "jid"), read_text(data, "ID")) if _STATES[event] == "CONNECTED" else ()
    reason = read_text(data, "reason") or read_enum(data.get("Reason"))
    number = find_number(*jids)
    yield build_connection_update(line, _STATES[event], line.read_time(), reason, number)


_LOGGED_OUT = {"401", "403", "406"}  # whatsmeow's ConnectFailureReason.IsLoggedOut


def _translate_connect_failure(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    code = read_enum(data.get("Reason"))
    status: LineStatus = "PENDING" if code in _LOGGED_OUT else "DISCONNECTED"
    yield build_connection_update(
        line, status, line.read_time(), read_text(data, "Message") or code
    )


def _translate_connection(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    return translate_connection(data, line)


_NAMES = ("JID", "JIDAlt", "jid", "remoteJid")
_LINKED = ("pnJID", "lidJID", "PnJID", "LidJID")


def _translate_contact(data: JsonObject, _: str, line: Line) -> Iterable[PartOutcome]:
    action = read_object(data, "Action")
    jids = [read_text(data, name) for name in _NAMES] + [
        read_text(action, name) for name in _LINKED
    ]
    party = join_addresses(jid for jid in jids if "@" in jid)
    name = read_text(data, "NewPushName") or read_text(action, "fullName", "firstName")
    link = build_contact_link(line, party, name) if party else None
    yield link or Ignored("contact-update", jids[0][:LONGEST_DETAIL])


_TRANSLATORS: dict[str, Callable[[JsonObject, str, Line], Iterable[PartOutcome]]] = {
    "message": _translate_message,
    "sendmessage": _translate_message,
    UNDECRYPTABLE_EVENT: _translate_message,
    "receipt": _translate_receipt,
    "readreceipt": _translate_receipt,
    "call": _translate_call,
    "callterminate": _translate_ended_call,
    "connection": _translate_connection,
    "connectfailure": _translate_connect_failure,
    "contact": _translate_contact,
    "pushname": _translate_contact,
    **dict.fromkeys(_STATES, _translate_state),
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
    "historysync": "history",
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
