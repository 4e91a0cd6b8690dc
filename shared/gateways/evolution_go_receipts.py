"""Whatsmeow's sources and receipts: who wrote where, and how far which messages came."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message_change import DELIVERED, PLAYED, READ
from shared.gateways import baileys_key
from shared.gateways.baileys_changed import Changed
from shared.gateways.baileys_key import MessageKey
from shared.gateways.identity import canonical_wid
from shared.gateways.line import Line, Time
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, flag, items, text

# By whatsmeow's Type, and by Evolution Go's state beside it; '' is whatsmeow's for delivered.
_ACKS = {"": DELIVERED, "delivered": DELIVERED, "read": READ, "played": PLAYED}
_BY_OURSELVES = {"read-self": READ, "readself": READ, "played-self": PLAYED}


def key(source: JsonObject, wid: JsonValue) -> JsonObject:
    """Write a source as Baileys' key: the alternative address is the sender's or the receiver's."""
    is_ours = flag(source, "IsFromMe")
    names = ("RecipientAlt",) if is_ours else ("SenderAlt", "Sender")
    chat, *others = (text(source, name) for name in ("Chat", *names))
    return {
        "id": wid,
        "fromMe": is_ours,
        "remoteJid": chat,
        "remoteJidAlt": others[0],
        "previousRemoteJid": others[-1],
        "participant": text(source, "Sender"),
        "participantAlt": text(source, "SenderAlt"),
    }


def receipts(data: JsonObject, line: Line) -> Iterator[Event | Ignored | Unreadable]:
    """Read one receipt, which is for any number of messages."""
    ids = data.get("MessageIDs")
    if not isinstance(ids, list) or not ids:
        yield Ignored("receipt-of-nothing")
        return
    kind = (text(data, "Type") or text(data, "state")).strip().lower()
    since = line.time(data.get("Timestamp"))
    of_all = baileys_key.read(key(data, "0"))
    for wid in items(ids):
        found = _of_message(of_all, wid)
        if isinstance(found, MessageKey):
            yield _receipt(found, kind, line, since)
        elif isinstance(found, Ignored):
            yield found
        else:
            yield Ignored("update-without-chat", found.detail)


def _of_message(
    found: MessageKey | Ignored | Unreadable, given: JsonValue
) -> MessageKey | Ignored | Unreadable:
    if not isinstance(found, MessageKey):
        return found
    wid = canonical_wid(text({"id": given}, "id"))
    return replace(found, wid=wid) if wid else Unreadable("key.id is not an id")


def _receipt(found: MessageKey, kind: str, line: Line, since: Time) -> Event | Ignored:
    change = Changed(line, found, found.wid, since)
    if kind in _BY_OURSELVES or (found.from_me and _ACKS.get(kind, 0) >= READ):
        return change.read()
    if kind not in _ACKS:
        return Ignored("unknown-receipt", kind[:LONGEST_DETAIL])
    if found.from_me:
        return Ignored("ack-of-theirs", found.wid)
    return change.acked(_ACKS[kind])
