"""Translates calls; a customer's missed call becomes a message."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways.cloud_api.chat import Change, Chat, find_chat, is_ours
from shared.gateways.normalize.addresses import build_party_fields, parse_wid
from shared.gateways.normalize.json_values import JsonObject, parse_count, read_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.redaction import redact_message

_MEDIA_SESSION = frozenset({"session", "connection"})  # they hold the encryption keys


def translate_call(change: Change, call: JsonValue) -> Iterator[PartOutcome]:
    """Translate one of `calls`: a missed call of a customer is a message."""
    if not isinstance(call, dict):
        yield Unreadable("a call is not an object")
        return
    event = read_text(call, "event").strip().lower()
    if event == "connect":
        yield Ignored("call-connect")
    elif event != "terminate":
        yield Ignored("unknown-call-event", event[:LONGEST_DETAIL])
    elif _is_missed(change, call):
        yield _build_missed_call(change, call)
    else:
        yield Ignored("call-ended", read_text(call, "status")[:LONGEST_DETAIL])


def _is_missed(change: Change, call: JsonObject) -> bool:
    # Only an answered call has a start and a duration.
    if parse_count(call.get("duration")) or parse_count(call.get("start_time")):
        return False
    direction = read_text(call, "direction").strip().upper()
    return direction == "USER_INITIATED" or (not direction and not is_ours(change, call))


def _build_missed_call(change: Change, call: JsonObject) -> MessageReceived | Ignored | Unreadable:
    chat = find_chat(change, call, from_me=False)
    if not isinstance(chat, Chat):
        return chat
    wid = parse_wid(read_text(call, "id"))
    if wid is None:
        return Unreadable("the call has no id")
    members = {name: value for name, value in call.items() if name not in _MEDIA_SESSION}
    return MessageReceived(
        **change.build_fields(chat.party, call),
        wid=wid,
        is_group=chat.is_group,
        media_type="call_log",
        push_name=chat.name,
        **build_party_fields(chat.party, chat.author),
        portfolio=change.portfolio,
        data_json=redact_message(chat.add_contact(members)),
    )
