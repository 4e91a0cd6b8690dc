"""Calls as Baileys and Evolution tell them: one event for each state of a call."""

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived
from shared.gateways.identity import Kind, Party, address, canonical_wid, person
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, text
from shared.gateways.redaction import redacted

# `terminate` comes when the caller gives up; what Baileys could decide by itself is `timeout`.
_MISSED = frozenset({"timeout", "terminate", "missed", "unanswered"})
_REASONS = {"accept": "call-accepted", "accepted": "call-accepted", "reject": "call-rejected"}
_CALLERS = ("callerPn", "from", "chatId", "callerLid", "callerAlt")


def call(told: JsonValue, line: Line) -> Event | Ignored | Unreadable:
    """Read one state of a call: a call that nobody took is a message, all else is on its way."""
    if not isinstance(told, dict):
        return Unreadable("data is not a call")
    status = text(told, "status").strip().lower()
    if status not in _MISSED:
        return Ignored(_REASONS.get(status, "call-ringing"), status[:LONGEST_DETAIL])
    group = _group(text(told, "groupJid")) or _group(text(told, "chatId"))
    if group is None and differ(text(told, "chatId"), text(told, "from")):
        return Ignored("own-call", status)
    group_jid = group.jid if group else ""
    return missed(told, group_jid, [text(told, name) for name in _CALLERS], line)


def differ(chat: str, caller: str) -> bool:
    """Tell whether somebody but the one we talk to began a call, which is ourselves."""
    with_whom, creator = address(chat), address(caller)
    if with_whom is None or creator is None or with_whom.kind is not creator.kind:
        return False  # a number and a LID may be one person
    return with_whom.canonical != creator.canonical


def missed(
    told: JsonObject, group_jid: str, callers: list[str], line: Line
) -> MessageReceived | Ignored | Unreadable:
    """Tell a missed call as a message, one for each call."""
    wid = canonical_wid(text(told, "id", "callId", "callID"))
    caller = person(callers)
    group = _group(group_jid)
    chat = group or caller
    if wid is None or chat is None:
        return Ignored("call-of-nobody", text(told, "id")[:LONGEST_DETAIL])
    began = line.time(told.get("date"), told.get("timestamp"))
    author = caller if group else None
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=chat.canonical,
        wid=wid,
        timestamp=began.at,
        timestamp_estimated=began.is_estimated,
        is_group=group is not None,
        media_type="call_log",
        lid=chat.lid,
        jid=chat.jid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        data_json=redacted(told),
    )


def _group(jid: str) -> Party | None:
    found = address(jid)
    if found is None or found.kind is not Kind.GROUP:
        return None
    return Party(found.canonical, None, found.jid)
