"""Translates statuses (sent, delivered, read, failed) of our messages."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.message_change import (
    DELIVERED,
    FAILED,
    ON_SERVER,
    PENDING,
    PLAYED,
    READ,
    MessageAcked,
    MessageDeleted,
)
from shared.gateways.cloud_api.chat import Change, find_party, list_parts, parse_group
from shared.gateways.cloud_api.messages import read_error_code
from shared.gateways.normalize.addresses import Party, parse_wid
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, PartOutcome, Unreadable

_ACKS = {
    "accepted": PENDING,
    "pending": PENDING,
    "held_for_quality_assessment": PENDING,
    "sent": ON_SERVER,
    "delivered": DELIVERED,
    "read": READ,
    "played": PLAYED,
    "failed": FAILED,
}
_RECIPIENT = (
    "recipient_id",
    "recipient_user_id",
    "recipient_parent_user_id",
    "parent_recipient_user_id",
)
_MEMBER = (
    "recipient_participant_id",
    "recipient_participant_user_id",
    "recipient_participant_parent_user_id",
)
_TOKEN = re.compile(r"[^\x00\s]{1,255}")


def translate_status(change: Change, status: JsonValue) -> Iterator[PartOutcome]:
    """Translate one of `statuses`; they may repeat and arrive in any order."""
    if not isinstance(status, dict):
        yield Unreadable("a status is not an object")
        return
    subject = read_text(status, "type").strip().lower()
    if subject not in ("", "message"):  # calls and payments have statuses, too
        if subject in ("call", "payment"):
            yield Ignored(f"{subject}-status", read_text(status, "status")[:LONGEST_DETAIL])
        else:
            yield Ignored("unknown-status-type", subject[:LONGEST_DETAIL])
        return
    yield _build_change(change, status)


def _build_change(change: Change, status: JsonObject) -> PartOutcome:
    state = read_text(status, "status").strip().lower()
    if state not in _ACKS and state != "deleted":
        return Ignored("unknown-status", state[:LONGEST_DETAIL])
    wid = parse_wid(read_text(status, "id"))
    chat, member = _find_recipient(change, status)
    if wid is None or chat is None:
        return Unreadable("the status has no message or no chat")
    fields = change.build_fields(chat, status)
    if state == "deleted":
        return MessageDeleted(**fields, wid=wid)
    ack = _ACKS[state]
    error = _find_error(status) if ack == FAILED else {}
    return MessageAcked(
        **fields,
        wid=wid,
        ack=ack,
        participant=member.canonical if member else None,
        send_id=_read_send_id(status),
        error_code=read_error_code(error),
        error=_read_error_text(error) or None,
    )


def _find_recipient(change: Change, status: JsonObject) -> tuple[Party | None, Party | None]:
    recipient = read_text(status, "recipient_id").strip()
    is_group = read_text(status, "recipient_type").strip().lower() == "group"
    group = parse_group(recipient) if is_group else parse_group("", recipient)
    if group is None:
        return find_party(change, status, _RECIPIENT), None
    return group, find_party(change, status, _MEMBER)


def _find_error(status: JsonObject) -> JsonObject:
    return next((error for error in list_parts(status, "errors") if isinstance(error, dict)), {})


def _read_error_text(error: JsonObject) -> str:
    return read_text(error, "title", "message") or read_text(
        read_object(error, "error_data"), "details"
    )


def _read_send_id(status: JsonObject) -> str | None:
    send_id = read_text(status, "biz_opaque_callback_data")
    return send_id if _TOKEN.fullmatch(send_id) else None
