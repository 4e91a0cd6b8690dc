"""Messages in the form of WhatsApp Web, and the changes of older messages."""

from pydantic import JsonValue

from shared.gateways.normalize.addresses import AddressKind, parse_address, parse_wid
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_choices,
    read_flag,
    read_text,
)
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.placeholders import UNDECRYPTABLE, UNSUPPORTED
from shared.gateways.proto_message.changed_message import ChangedMessage
from shared.gateways.proto_message.content import VOTE_WITHDRAWN, Content
from shared.gateways.proto_message.key import MessageKey, read_key
from shared.gateways.whatsapp_web.content import read_kind, read_subtype, read_web_content
from shared.gateways.whatsapp_web.event_builders import (
    build_web_message,
    translate_number_change,
)
from shared.gateways.whatsapp_web.ids import (
    MessageId,
    build_web_key,
    find_wid,
    parse_message_id,
    read_jid,
    read_message_key,
)
from shared.gateways.whatsapp_web.interactive import list_options
from shared.gateways.whatsapp_web.texts import read_words

_REVOKES = frozenset({"sender_revoke", "admin_revoke", "revoke"})
_EDITS = frozenset({"message_edit", "edit"})


def translate_web_message(line: Line, message: JsonObject, *times: JsonValue) -> PartOutcome:
    """Return the event of a flattened message; `times` are those of its envelope."""
    if read_flag(message, "isStatus") or read_flag(message, "isStatusV3"):
        return Ignored("status-broadcast")
    key = read_message_key(message)
    if not isinstance(key, MessageKey):
        return key
    at = line.read_time(message.get("timestamp"), message.get("t"), *times)
    if read_subtype(message) == "change_number":
        return _translate_number_change(line, message, key, at)
    return _translate_change(line, message, key, at) or _translate_content(line, message, key, at)


def _translate_content(line: Line, message: JsonObject, key: MessageKey, at: Time) -> PartOutcome:
    content = read_web_content(message)
    if not isinstance(content, Content):
        return content
    if content.media_type == "call_log" and key.from_me:
        return Ignored("call-outgoing")
    return build_web_message(line, key, content, at, message)


def _translate_change(
    line: Line, message: JsonObject, key: MessageKey, at: Time
) -> PartOutcome | None:
    kind, subtype = read_kind(message), read_subtype(message)
    target = message.get("protocolMessageKey")
    if kind == "revoked":
        return build_changed_message(line, key, at, target).build_deletion()
    if kind != "protocol" or not find_wid(target):
        return None
    if subtype in _REVOKES:
        return build_changed_message(line, key, at, target).build_deletion()
    if subtype not in _EDITS:
        return None
    if body := read_words(message, "body", "caption"):
        return build_changed_message(line, key, at, target).build_edit(body)
    unreadable = Content(*UNSUPPORTED, quoted_wid=find_wid(target))
    return build_web_message(line, key, unreadable, at, message)


def _translate_number_change(
    line: Line, message: JsonObject, key: MessageKey, at: Time
) -> PartOutcome:
    """Translate a notice whose `templateParams` are the new and the old id.

    The new one is that in `to` or, if it is not among them, the first one.
    """
    recipient = parse_address(read_jid(message.get("to")))
    new = recipient.jid if recipient else key.chat.jid
    jids = [read_jid(name) for name in read_choices(message.get("templateParams"))]
    known = [address.jid for address in map(parse_address, jids) if address]
    if new not in known and known:
        new = known[0]
    old = next((jid for jid in known if jid != new), key.chat.jid)
    return translate_number_change(line, old, new, at)


def build_changed_message(
    line: Line, key: MessageKey, at: Time, *targets: JsonValue
) -> ChangedMessage:
    """Return the changed message: the first target that is an id, else the key's own."""
    return ChangedMessage(line, key, find_wid(*targets) or key.wid, at)


def translate_edit(line: Line, message: JsonObject, body: str, *times: JsonValue) -> PartOutcome:
    """Translate an edit; its own time counts before those of the envelope."""
    key = read_message_key(message)
    if not isinstance(key, MessageKey):
        return key
    if not body:
        return Unreadable("an edit without the new words")
    at = line.read_time(message.get("latestEditSenderTimestampMs"), *times)
    return build_changed_message(line, key, at).build_edit(body)


def translate_reaction(line: Line, reaction: JsonObject, *times: JsonValue) -> PartOutcome:
    """Translate a reaction: `id` is the reaction's key, `msgId` the message's."""
    sender = reaction.get("senderId") or reaction.get("sender")
    target = parse_message_id(reaction.get("msgId"))
    key = read_key(
        build_web_key({"id": reaction.get("id"), "chatId": target.chat, "author": sender})
        | ({} if parse_message_id(reaction.get("id")).chat else {"remoteJid": target.chat})
    )
    if not isinstance(key, MessageKey):
        return key
    if not parse_wid(target.wid):
        return Unreadable("a reaction to no message")
    at = line.read_time(reaction.get("timestamp"), *times)
    emoji = read_text(reaction, "reaction", "reactionText")
    return build_changed_message(line, key, at, reaction.get("msgId")).build_reaction(emoji)


def translate_vote(
    line: Line, vote: JsonObject, poll: JsonValue, voter: str, time: JsonValue
) -> PartOutcome:
    """Translate a decrypted vote; its id is derived from poll, voter and time."""
    poll_id = parse_message_id(poll)
    chat = read_jid(vote.get("chatId")) or poll_id.chat
    address = parse_address(voter)
    identity = (
        f"{poll_id.wid}:{address.canonical if address else 'unknown'}:{parse_count(time) or 0}"
    )
    key = read_key(
        {
            "id": identity if parse_wid(poll_id.wid) else "",
            "fromMe": read_flag(vote, "fromMe") or _is_our_vote(voter, chat, poll_id),
            "remoteJid": chat,
            "participant": voter,
        }
    )
    if not isinstance(key, MessageKey):
        return key
    return translate_chosen_options(line, key, poll, vote, line.read_time(time))


def translate_chosen_options(
    line: Line, key: MessageKey, poll: JsonValue, vote: JsonObject, at: Time
) -> PartOutcome:
    """Translate the chosen options of a poll; a withdrawn vote is ignored."""
    if vote.get("selectedOptions") == []:
        return Ignored(VOTE_WITHDRAWN.reason)
    body = "\n".join(filter(None, list_options(vote, "selectedOptions", "name")))
    chosen = ("pollUpdateMessage", body) if body else UNDECRYPTABLE
    content = Content(*chosen, quoted_wid=find_wid(poll))
    return build_web_message(line, key, content, at, vote)


def _is_our_vote(voter: str, chat: str, poll_id: MessageId) -> bool:
    """Return whether we voted; in a group, only votes in polls of our own are recognised."""
    voted, partner, author = (
        parse_address(voter),
        parse_address(chat),
        parse_address(poll_id.author),
    )
    if voted is None or partner is None:
        return False
    if partner.kind is AddressKind.GROUP:
        author_if_ours = author if poll_id.from_me else None
        return author_if_ours is not None and voted.canonical == author_if_ours.canonical
    return voted.kind is partner.kind and voted.canonical != partner.canonical


def translate_missed_call(
    line: Line, call: JsonObject, caller: JsonValue, *times: JsonValue, number: str = ""
) -> PartOutcome:
    """Translate a missed call into a message of the caller.

    `number` is the caller's other address, if the gateway gives one beside a LID.
    """
    if read_flag(call, "isGroup"):
        return Ignored("group-call")
    key = read_key({"id": call.get("id"), "remoteJid": read_jid(caller), "remoteJidAlt": number})
    if not isinstance(key, MessageKey):
        return key
    return build_web_message(line, key, Content("call_log", ""), line.read_time(*times), call)
