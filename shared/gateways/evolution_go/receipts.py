"""Message sources and receipts of whatsmeow."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message_change import DELIVERED, PLAYED, READ
from shared.gateways.normalize.addresses import parse_wid
from shared.gateways.normalize.json_values import JsonObject, as_list, read_flag, read_text
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, PartOutcome, Unreadable
from shared.gateways.proto_message.changed_message import ChangedMessage
from shared.gateways.proto_message.key import MessageKey, read_key

# By whatsmeow's Type, or Evolution Go's state beside it; whatsmeow writes '' for delivered.
_ACKS = {"": DELIVERED, "delivered": DELIVERED, "read": READ, "played": PLAYED}
_BY_OURSELVES = {"read-self": READ, "readself": READ, "played-self": PLAYED}


def build_key(source: JsonObject, wid: JsonValue) -> JsonObject:
    """Return a message source as a key; the alternative address is the other participant's."""
    is_ours = read_flag(source, "IsFromMe")
    names = ("RecipientAlt",) if is_ours else ("SenderAlt", "Sender")
    chat, *others = (read_text(source, name) for name in ("Chat", *names))
    return {
        "id": wid,
        "fromMe": is_ours,
        "remoteJid": chat,
        "remoteJidAlt": others[0],
        "previousRemoteJid": others[-1],
        "participant": read_text(source, "Sender"),
        "participantAlt": read_text(source, "SenderAlt"),
    }


def translate_receipts(data: JsonObject, line: Line) -> Iterator[PartOutcome]:
    """Translate one receipt, which is for any number of messages."""
    ids = data.get("MessageIDs")
    if not isinstance(ids, list) or not ids:
        yield Ignored("receipt-of-nothing")
        return
    kind = (read_text(data, "Type") or read_text(data, "state")).strip().lower()
    time = line.read_time(data.get("Timestamp"))
    shared_key = read_key(build_key(data, "0"))
    for wid in as_list(ids):
        key = _replace_wid(shared_key, wid)
        if isinstance(key, MessageKey):
            yield _translate_receipt(key, kind, line, time)
        elif isinstance(key, Ignored):
            yield key
        else:
            yield Ignored("update-without-chat", key.detail)


def _replace_wid(
    key: MessageKey | Ignored | Unreadable, raw_wid: JsonValue
) -> MessageKey | Ignored | Unreadable:
    if not isinstance(key, MessageKey):
        return key
    wid = parse_wid(read_text({"id": raw_wid}, "id"))
    return replace(key, wid=wid) if wid else Unreadable("key.id is not an id")


def _translate_receipt(key: MessageKey, kind: str, line: Line, time: Time) -> Event | Ignored:
    change = ChangedMessage(line, key, key.wid, time)
    if kind in _BY_OURSELVES or (key.from_me and _ACKS.get(kind, 0) >= READ):
        return change.build_read()
    if kind not in _ACKS:
        return Ignored("unknown-receipt", kind[:LONGEST_DETAIL])
    if key.from_me:
        return Ignored("ack-of-theirs", key.wid)
    return change.build_ack(_ACKS[kind])
