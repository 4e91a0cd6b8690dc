"""How far our messages came by the Cloud API, and its calls."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.message import MessageReceived
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
from shared.gateways.cloud_api_message import Outcome, error_code
from shared.gateways.cloud_api_party import (
    Change,
    Chat,
    chat_of,
    group_of,
    is_ours,
    parts,
    person_in,
)
from shared.gateways.identity import Party, canonical_wid
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, count, mapping, text
from shared.gateways.redaction import redacted

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
_MEDIA_SESSION = frozenset({"session", "connection"})  # with the keys of its encryption
_TOKEN = re.compile(r"[^\x00\s]{1,255}")


def status(change: Change, told: JsonValue) -> Iterator[Outcome]:
    """Say what one of `statuses` means: its repetitions and its order are not to be relied on."""
    if not isinstance(told, dict):
        yield Unreadable("a status is not an object")
        return
    of = text(told, "type").strip().lower()
    if of not in ("", "message"):  # a payment may fail, too
        if of in ("call", "payment"):
            yield Ignored(f"{of}-status", text(told, "status")[:LONGEST_DETAIL])
        else:
            yield Ignored("unknown-status-type", of[:LONGEST_DETAIL])
        return
    yield _status(change, told)


def _status(change: Change, told: JsonObject) -> Outcome:
    state = text(told, "status").strip().lower()
    if state not in _ACKS and state != "deleted":
        return Ignored("unknown-status", state[:LONGEST_DETAIL])
    wid = canonical_wid(text(told, "id"))
    chat, member = _reached(change, told)
    if wid is None or chat is None:
        return Unreadable("the status has no message or no chat")
    about = change.about(chat, told)
    if state == "deleted":
        return MessageDeleted(**about, wid=wid)
    ack = _ACKS[state]
    error = _error(told) if ack == FAILED else {}
    return MessageAcked(
        **about,
        wid=wid,
        ack=ack,
        participant=member.canonical if member else None,
        send_id=_send_id(told),
        error_code=error_code(error),
        error=_words(error) or None,
    )


def _reached(change: Change, told: JsonObject) -> tuple[Party | None, Party | None]:
    recipient = text(told, "recipient_id").strip()
    is_group = text(told, "recipient_type").strip().lower() == "group"
    group = group_of(recipient) if is_group else group_of("", recipient)
    if group is None:
        return person_in(change, told, _RECIPIENT), None
    return group, person_in(change, told, _MEMBER)


def _error(told: JsonObject) -> JsonObject:
    return next((error for error in parts(told, "errors") if isinstance(error, dict)), {})


def _words(error: JsonObject) -> str:
    return text(error, "title", "message") or text(mapping(error, "error_data"), "details")


def _send_id(told: JsonObject) -> str | None:
    given = text(told, "biz_opaque_callback_data")
    return given if _TOKEN.fullmatch(given) else None


def call(change: Change, told: JsonValue) -> Iterator[Outcome]:
    """Say what one of `calls` means: a customer's that nobody took is a message of theirs."""
    if not isinstance(told, dict):
        yield Unreadable("a call is not an object")
        return
    event = text(told, "event").strip().lower()
    if event == "connect":
        yield Ignored("call-connect")
    elif event != "terminate":
        yield Ignored("unknown-call-event", event[:LONGEST_DETAIL])
    elif _is_missed(change, told):
        yield _missed(change, told)
    else:
        yield Ignored("call-ended", text(told, "status")[:LONGEST_DETAIL])


def _is_missed(change: Change, told: JsonObject) -> bool:
    # Meta gives a start and a duration only of a call that was taken.
    if count(told.get("duration")) or count(told.get("start_time")):
        return False
    direction = text(told, "direction").strip().upper()
    return direction == "USER_INITIATED" or (not direction and not is_ours(change, told))


def _missed(change: Change, told: JsonObject) -> MessageReceived | Ignored | Unreadable:
    chat = chat_of(change, told, from_me=False)
    if not isinstance(chat, Chat):
        return chat
    wid = canonical_wid(text(told, "id"))
    if wid is None:
        return Unreadable("the call has no id")
    kept = {name: value for name, value in told.items() if name not in _MEDIA_SESSION}
    author = chat.author
    return MessageReceived(
        **change.about(chat.party, told),
        wid=wid,
        is_group=chat.is_group,
        media_type="call_log",
        push_name=chat.name,
        lid=chat.party.lid,
        jid=chat.party.jid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        data_json=redacted(chat.keeping(kept)),
    )
