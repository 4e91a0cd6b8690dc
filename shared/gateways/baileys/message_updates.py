"""Updates of older messages: statuses, receipts, reactions, edits and deletions."""

from collections.abc import Iterator
from itertools import chain

from pydantic import JsonValue

from shared.contracts.message_change import DELIVERED, FAILED, ON_SERVER, PENDING, PLAYED, READ
from shared.gateways.baileys.event_replies import translate_event_replies
from shared.gateways.baileys.poll_updates import translate_poll_updates
from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    parse_count,
    read_enum,
    read_object,
    read_text,
)
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import (
    LONGEST_DETAIL,
    Ignored,
    PartOutcome,
    Unreadable,
    yield_or_default,
)
from shared.gateways.normalize.placeholders import UNDECRYPTABLE, UNSUPPORTED
from shared.gateways.proto_message.changed_message import ChangedMessage
from shared.gateways.proto_message.content import (
    Content,
    read_edit,
    read_reaction,
    read_target_wid,
)
from shared.gateways.proto_message.invisible_content import (
    CIPHERTEXTS,
    REVOKES,
    ignore_stub,
    join_names,
)
from shared.gateways.proto_message.key import MessageKey, read_key
from shared.gateways.proto_message.received_message import build_message_received, translate_message

_ACKS = {
    "ERROR": FAILED,
    "PENDING": PENDING,
    "SERVER_ACK": ON_SERVER,
    "DELIVERY_ACK": DELIVERED,
    "READ": READ,
    "PLAYED": PLAYED,
}
_ACKS |= {str(number): ack for number, ack in enumerate(tuple(_ACKS.values()))}
_ACKS |= {"FAILED": FAILED, "SENT": ON_SERVER, "DELIVERED": DELIVERED}  # Meta, on Cloud API lines


def translate_updates(data: JsonValue, line: Line) -> Iterator[PartOutcome]:
    """Translate `messages.update`: `{key, update}`, or Evolution's flat object."""
    for item in as_list(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not an update")
        elif isinstance(item.get("update"), dict):
            yield from _translate_update(
                read_object(item, "key"), read_object(item, "update"), line
            )
        elif "update" in item:
            yield Unreadable("update is not an object")
        else:
            yield from _translate_update(_build_flat_key(item), item, line)


def _build_flat_key(item: JsonObject) -> JsonObject:
    return {**item, **read_object(item, "key"), "id": read_text(item, "keyId") or _read_id(item)}


def _read_id(item: JsonObject) -> str:
    return read_text(read_object(item, "key"), "id") or read_text(item, "id")


def _translate_update(raw_key: JsonObject, update: JsonObject, line: Line) -> Iterator[PartOutcome]:
    if _has_content(update.get("message")):
        yield _translate_changed_message(raw_key, update, line)
        return
    key = read_key(raw_key)
    if not isinstance(key, MessageKey):
        yield _ignore_without_chat(key)
        return
    outcomes = chain(
        translate_poll_updates(key, raw_key, update, line),
        translate_event_replies(key, update, line),
        _translate_status(key, raw_key, update, line),
    )
    yield from yield_or_default(outcomes, lambda: _explain_update(key, raw_key, update, line))


def _has_content(message: JsonValue) -> bool:
    return isinstance(message, dict) and not message.keys() <= {"messageContextInfo"}


def _translate_changed_message(raw_key: JsonObject, update: JsonObject, line: Line) -> PartOutcome:
    """Translate an edit, or the content of a message that is decrypted only now."""
    edited = read_object(update, "message", "editedMessage", "message")
    if not edited or "protocolMessage" in edited:
        return translate_message({**update, "key": raw_key}, line)
    key = read_key(raw_key)
    if not isinstance(key, MessageKey):
        return key
    change = read_edit(key.wid, edited, None)
    if isinstance(change, Content):  # the edited message itself, if it did not arrive
        return build_message_received({**update, "key": raw_key}, key, Content(*UNSUPPORTED), line)
    return ChangedMessage(line, key, key.wid, _read_time(update, line)).build_edit(
        change.body, is_by_key=True
    )


def _ignore_without_chat(key: Ignored | Unreadable) -> Ignored:
    # A status has no message text, so one without a chat is ignored instead of a dead letter.
    return key if isinstance(key, Ignored) else Ignored("update-without-chat", key.detail)


def _read_time(update: JsonObject, line: Line) -> Time:
    return line.read_time(update.get("messageTimestamp"), update.get("datetime"))


def _translate_status(
    key: MessageKey, raw_key: JsonObject, update: JsonObject, line: Line
) -> Iterator[PartOutcome]:
    status = read_enum(update.get("status")).upper()
    change = ChangedMessage(line, key, key.wid, _read_time(update, line))
    if status in _ACKS:
        is_ours = key.from_me or _is_ours_by_definition(raw_key)
        yield (
            _build_ack(change, _ACKS[status], update)
            if is_ours
            else _translate_their_ack(change, _ACKS[status])
        )
    elif status == "DELETED":
        if update.get("pollUpdates"):
            return
        yield (
            Ignored("message-update", status)
            if _is_evolution_placeholder(raw_key)
            else change.build_deletion()
        )
    elif status:
        yield Ignored("unknown-status", status[:LONGEST_DETAIL])
    elif _is_revoked(update):
        yield change.build_deletion(is_by_key=True)


def _is_ours_by_definition(raw_key: JsonObject) -> bool:
    # Meta sends statuses only for our messages; Evolution marks them as not ours.
    return raw_key.get("fromMe") is None or read_text(raw_key, "id").startswith("wamid.")


def _is_evolution_placeholder(raw_key: JsonObject) -> bool:
    # Evolution 2.3.0 to 2.3.4 write DELETED for any update without a status, such as an edit, and
    # repeat the chat as its participant; real deletions come as messages.delete.
    is_of_meta = read_text(raw_key, "id").startswith("wamid.")
    return read_text(raw_key, "participant") == read_text(raw_key, "remoteJid") and not is_of_meta


def _is_revoked(update: JsonObject) -> bool:
    stub = read_enum(update.get("messageStubType"))
    is_emptied = "message" in update and update["message"] is None
    return stub in REVOKES or (is_emptied and not stub)


def _build_ack(change: ChangedMessage, ack: int, update: JsonObject) -> PartOutcome:
    parameters = update.get("messageStubParameters")
    texts = [read_enum(part) for part in parameters] if isinstance(parameters, list) else []
    if ack != FAILED or not texts:
        return change.build_ack(ack)
    return change.build_ack(ack, texts[0] or None, " ".join(texts[1:]) or None)


def _translate_their_ack(change: ChangedMessage, ack: int) -> PartOutcome:
    """Translate the ack of a customer's message: it is ignored unless it says that we read it."""
    return (
        change.build_read()
        if ack >= READ
        else Ignored("ack-of-theirs", change.wid[:LONGEST_DETAIL])
    )


def _explain_update(
    key: MessageKey, raw_key: JsonObject, update: JsonObject, line: Line
) -> PartOutcome:
    stub = read_enum(update.get("messageStubType"))
    if stub in CIPHERTEXTS or (update.get("messageStubParameters") and not stub):
        # The message could not be decrypted; it may have come before, then this is a duplicate.
        message = {**update, "key": raw_key}
        return build_message_received(message, key, Content(*UNDECRYPTABLE), line)
    if stub:
        return ignore_stub(stub)
    return Ignored("message-update", join_names(list(update)))


def translate_receipts(data: JsonValue, line: Line) -> Iterator[PartOutcome]:
    """Translate `message-receipt.update`: the receipt of one member of a group."""
    for item in as_list(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not a receipt")
            continue
        receipt = read_object(item, "receipt")
        raw_key = read_object(item, "key")
        key = read_key({**raw_key, "participant": read_text(receipt, "userJid")})
        if isinstance(key, MessageKey):
            yield _translate_receipt(key, receipt, line)
        else:
            yield _ignore_without_chat(key)


_RECEIPTS = {"playedTimestamp": PLAYED, "readTimestamp": READ, "receiptTimestamp": DELIVERED}


def _translate_receipt(key: MessageKey, receipt: JsonObject, line: Line) -> PartOutcome:
    for name, ack in _RECEIPTS.items():
        if receipt.get(name) not in (None, "") and parse_count(receipt[name]) != 0:
            change = ChangedMessage(line, key, key.wid, line.read_time(receipt[name]))
            return change.build_ack(ack) if key.from_me else _translate_their_ack(change, ack)
    return Ignored("receipt-of-nothing", join_names(list(receipt)))


def translate_reactions(data: JsonValue, line: Line) -> Iterator[PartOutcome]:
    """Translate `messages.reaction`: the message's key, and a reaction with its own key."""
    for item in as_list(data):
        yield (
            _translate_reaction(item, line)
            if isinstance(item, dict)
            else Unreadable("data is no reaction")
        )


def _translate_reaction(item: JsonObject, line: Line) -> PartOutcome:
    target, raw_reaction = read_object(item, "key"), read_object(item, "reaction")
    if not raw_reaction:
        return Unreadable("reaction is not an object")
    key = read_key({**target, "fromMe": None, **read_object(raw_reaction, "key")})
    if not isinstance(key, MessageKey):
        return key
    reaction = read_reaction(read_target_wid(target), raw_reaction)
    if isinstance(reaction, Unreadable):
        return reaction
    return ChangedMessage(line, key, reaction.wid, line.read_time(reaction.at)).build_reaction(
        reaction.emoji
    )


def translate_revocations(data: JsonValue, line: Line) -> Iterator[PartOutcome]:
    """Translate Evolution's `messages.delete`: a key, or a message with its key."""
    for item in as_list(data):
        if not isinstance(item, dict):
            yield Unreadable("data is not a key")
            continue
        key = read_key(_build_flat_key(item))
        if isinstance(key, MessageKey):
            yield ChangedMessage(line, key, key.wid, line.read_time()).build_deletion()
        else:
            yield _ignore_without_chat(key)


def ignore_deletions_for_us(data: JsonValue) -> Iterator[PartOutcome]:
    """Ignore Baileys' `messages.delete`: the customer still has the message."""
    deletion = data if isinstance(data, dict) else {}
    if deletion.get("all") is True:
        yield Ignored("chat-cleared", read_text(deletion, "jid")[:LONGEST_DETAIL])
        return
    keys = deletion.get("keys", data)
    for key in as_list(keys):
        deleted_key = key if isinstance(key, dict) else {}
        yield Ignored("deleted-for-us", read_text(deleted_key, "id")[:LONGEST_DETAIL])
