"""What Baileys tells about older messages: statuses, receipts, reactions, deletions."""

from collections.abc import Iterator
from itertools import chain

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message_change import DELIVERED, FAILED, ON_SERVER, PENDING, PLAYED, READ
from shared.gateways import baileys_key, baileys_message, baileys_poll_updates, baileys_upsert
from shared.gateways.baileys_changed import Changed
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_unshown import named
from shared.gateways.line import Line, Time
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable, or_one
from shared.gateways.reading import JsonObject, count, enumerated, items, mapping, text

Outcome = Event | Ignored | Unreadable

_ACKS = {
    "ERROR": FAILED,
    "PENDING": PENDING,
    "SERVER_ACK": ON_SERVER,
    "DELIVERY_ACK": DELIVERED,
    "READ": READ,
    "PLAYED": PLAYED,
}
_ACKS |= {str(number): ack for number, ack in enumerate(tuple(_ACKS.values()))}
_ACKS |= {"FAILED": FAILED, "SENT": ON_SERVER, "DELIVERED": DELIVERED}  # Meta's, of Cloud API lines


def updates(data: JsonValue, line: Line) -> Iterator[Outcome]:
    """Read `messages.update`: `{key, update}`, or Evolution's one flat object."""
    for item in items(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not an update")
        elif isinstance(item.get("update"), dict):
            yield from _update(mapping(item, "key"), mapping(item, "update"), line)
        elif "update" in item:
            yield Unreadable("update is not an object")
        else:
            yield from _update(_flat_key(item), item, line)


def _flat_key(item: JsonObject) -> JsonObject:
    return {**item, **mapping(item, "key"), "id": text(item, "keyId") or _id(item)}


def _id(item: JsonObject) -> str:
    return text(mapping(item, "key"), "id") or text(item, "id")


def _update(given: JsonObject, update: JsonObject, line: Line) -> Iterator[Outcome]:
    if isinstance(update.get("message"), dict):
        yield _of_message(given, update, line)
        return
    key = baileys_key.read(given)
    if not isinstance(key, MessageKey):
        yield _without_key(key)
        return
    told = chain(
        baileys_poll_updates.votes(key, given, update, line), _status(key, given, update, line)
    )
    yield from or_one(told, lambda: _nothing(update))


def _of_message(given: JsonObject, update: JsonObject, line: Line) -> Outcome:
    """Read an edit, or the words of a message that could not be decrypted when it came."""
    edited = mapping(update, "message", "editedMessage", "message")
    if not edited or "protocolMessage" in edited:
        return baileys_upsert.received({**update, "key": given}, line)
    key = baileys_key.read(given)
    if not isinstance(key, MessageKey):
        return key
    change = baileys_message.edit(key.wid, edited, None)
    if isinstance(change, Ignored | Unreadable):
        return change
    return Changed(line, key, key.wid, _time(update, line)).edited(change.body, is_by_key=True)


def _without_key(key: Ignored | Unreadable) -> Ignored:
    # A status is nobody's words, so one whose chat is not named is no dead letter.
    return key if isinstance(key, Ignored) else Ignored("update-without-chat", key.detail)


def _time(update: JsonObject, line: Line) -> Time:
    return line.time(update.get("messageTimestamp"), update.get("datetime"))


def _status(
    key: MessageKey, given: JsonObject, update: JsonObject, line: Line
) -> Iterator[Outcome]:
    status = enumerated(update.get("status")).upper()
    change = Changed(line, key, key.wid, _time(update, line))
    if status in _ACKS:
        is_ours = key.from_me or _must_be_ours(given)
        yield _acked(change, _ACKS[status], update) if is_ours else _theirs(change, _ACKS[status])
    elif status == "DELETED":
        if update.get("pollUpdates"):
            return
        yield Ignored("message-update", status) if _is_filled_in(given) else change.deleted()
    elif status:
        yield Ignored("unknown-status", status[:LONGEST_DETAIL])
    elif _is_revoked(update):
        yield change.deleted(is_by_key=True)


def _must_be_ours(given: JsonObject) -> bool:
    # Meta tells statuses of our messages alone; Evolution calls them others' all the same.
    return given.get("fromMe") is None or text(given, "id").startswith("wamid.")


def _is_filled_in(given: JsonObject) -> bool:
    # Evolution 2.3.0 to 2.3.4 write DELETED for any update without a status, such as an edit, and
    # repeat the chat as its participant; what they know to be deleted they tell by messages.delete.
    is_of_meta = text(given, "id").startswith("wamid.")
    return text(given, "participant") == text(given, "remoteJid") and not is_of_meta


def _is_revoked(update: JsonObject) -> bool:
    stub = enumerated(update.get("messageStubType"))
    is_emptied = "message" in update and update["message"] is None
    return stub in {"1", "REVOKE"} or (is_emptied and not stub)


def _acked(change: Changed, ack: int, update: JsonObject) -> Outcome:
    causes = update.get("messageStubParameters")
    words = [enumerated(cause) for cause in causes] if isinstance(causes, list) else []
    if ack != FAILED or not words:
        return change.acked(ack)
    return change.acked(ack, words[0] or None, " ".join(words[1:]) or None)


def _theirs(change: Changed, ack: int) -> Outcome:
    """We read the customer's message; that it reached us is no news."""
    return change.read() if ack >= READ else Ignored("ack-of-theirs", change.wid[:LONGEST_DETAIL])


def _nothing(update: JsonObject) -> Ignored:
    if update.get("messageStubParameters"):
        return Ignored("undecryptable")
    if update.get("eventResponses"):
        return Ignored("event-reply")
    return Ignored("message-update", named(list(update)))


def receipts(data: JsonValue, line: Line) -> Iterator[Outcome]:
    """Read `message-receipt.update`: how far one member of a group is with a message."""
    for item in items(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not a receipt")
            continue
        receipt = mapping(item, "receipt")
        given = mapping(item, "key")
        key = baileys_key.read({**given, "participant": text(receipt, "userJid")})
        if isinstance(key, MessageKey):
            yield _receipt(key, receipt, line)
        else:
            yield _without_key(key)


_RECEIPTS = {"playedTimestamp": PLAYED, "readTimestamp": READ, "receiptTimestamp": DELIVERED}


def _receipt(key: MessageKey, receipt: JsonObject, line: Line) -> Outcome:
    for name, ack in _RECEIPTS.items():
        if receipt.get(name) not in (None, "") and count(receipt[name]) != 0:
            change = Changed(line, key, key.wid, line.time(receipt[name]))
            return change.acked(ack) if key.from_me else _theirs(change, ack)
    return Ignored("receipt-of-nothing", named(list(receipt)))


def reactions(data: JsonValue, line: Line) -> Iterator[Outcome]:
    """Read `messages.reaction`: the key of the message, and a reaction with the reactor's key."""
    for item in items(data):
        yield _reaction(item, line) if isinstance(item, dict) else Unreadable("data is no reaction")


def _reaction(item: JsonObject, line: Line) -> Outcome:
    target, told = mapping(item, "key"), mapping(item, "reaction")
    if not told:
        return Unreadable("reaction is not an object")
    key = baileys_key.read({**target, "fromMe": None, **mapping(told, "key")})
    if not isinstance(key, MessageKey):
        return key
    found = baileys_message.reaction(baileys_message.key_wid(target), told)
    if isinstance(found, Unreadable):
        return found
    return Changed(line, key, found.wid, line.time(found.at)).reacted(found.emoji)


def revocations(data: JsonValue, line: Line) -> Iterator[Outcome]:
    """Read Evolution's `messages.delete`: a key, or a message with its key."""
    for item in items(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not a key")
            continue
        key = baileys_key.read(_flat_key(item))
        if isinstance(key, MessageKey):
            yield Changed(line, key, key.wid, line.time()).deleted()
        else:
            yield _without_key(key)


def deletions_for_us(data: JsonValue) -> Iterator[Outcome]:
    """Name Baileys' own `messages.delete`: the customer still has what only we took away."""
    told = data if isinstance(data, dict) else {}
    if told.get("all") is True:
        yield Ignored("chat-cleared", text(told, "jid")[:LONGEST_DETAIL])
        return
    keys = told.get("keys", data)
    for key in items(keys):
        given = key if isinstance(key, dict) else {}
        yield Ignored("deleted-for-us", text(given, "id")[:LONGEST_DETAIL])
