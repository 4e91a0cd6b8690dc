"""Translates call events of Baileys and Evolution, which are sent once per state of a call."""

from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways.normalize.addresses import (
    AddressKind,
    Party,
    build_party_fields,
    join_addresses,
    parse_address,
    parse_wid,
)
from shared.gateways.normalize.json_values import JsonObject, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.redaction import redact_message

# `terminate` comes when the caller hangs up; `timeout` is decided by Baileys itself.
_MISSED = frozenset({"timeout", "terminate", "missed", "unanswered"})
_REASONS = {"accept": "call-accepted", "accepted": "call-accepted", "reject": "call-rejected"}
_CALLERS = ("callerPn", "from", "chatId", "callerLid", "callerAlt")


def translate_call(call: JsonValue, line: Line) -> PartOutcome:
    """Return a missed call as a message, and any other state of a call as ignored."""
    if not isinstance(call, dict):
        return Unreadable("data is not a call")
    status = read_text(call, "status").strip().lower()
    if status not in _MISSED:
        return Ignored(_REASONS.get(status, "call-ringing"), status[:LONGEST_DETAIL])
    group = _parse_group(read_text(call, "groupJid")) or _parse_group(read_text(call, "chatId"))
    if group is None and is_own_call(read_text(call, "chatId"), read_text(call, "from")):
        return Ignored("own-call", status)
    group_jid = group.jid if group else ""
    return build_missed_call(call, group_jid, [read_text(call, name) for name in _CALLERS], line)


def is_own_call(chat: str, caller: str) -> bool:
    """Return whether we made the call: the caller is not the contact of the chat."""
    partner, creator = parse_address(chat), parse_address(caller)
    if partner is None or creator is None or partner.kind is not creator.kind:
        return False  # a number and a LID may belong to one person
    return partner.canonical != creator.canonical


def build_missed_call(
    call: JsonObject, group_jid: str, callers: list[str], line: Line
) -> MessageReceived | Ignored | Unreadable:
    """Build the message of a missed call, one for each call."""
    wid = parse_wid(read_text(call, "id", "callId", "callID"))
    caller = join_addresses(callers)
    group = _parse_group(group_jid)
    chat = group or caller
    if wid is None or chat is None:
        return Ignored("call-of-nobody", read_text(call, "id")[:LONGEST_DETAIL])
    began = line.read_time(call.get("date"), call.get("timestamp"))
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=chat.canonical,
        wid=wid,
        timestamp=began.at,
        timestamp_estimated=began.is_estimated,
        is_group=group is not None,
        media_type="call_log",
        **build_party_fields(chat, caller if group else None),
        data_json=redact_message(call),
    )


def _parse_group(jid: str) -> Party | None:
    address = parse_address(jid)
    if address is None or address.kind is not AddressKind.GROUP:
        return None
    return Party(address.canonical, None, address.jid)
