"""A message in whatsapp-web's form, and the changes of other messages that come in its shape."""

from pydantic import JsonValue

from shared.gateways import baileys_key, wweb_content, wweb_ids
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_changed import Changed
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_message import Content
from shared.gateways.identity import Kind, address, canonical_wid
from shared.gateways.line import Line, Time
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, count, flag, text
from shared.gateways.wweb_interactive import options
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_record import words

_REVOKES = frozenset({"sender_revoke", "admin_revoke", "revoke"})
_EDITS = frozenset({"message_edit", "edit"})


def told(line: Line, message: JsonObject, *times: JsonValue) -> Outcome:
    """Say what a message, laid flat, means; `times` are those of its envelope."""
    if flag(message, "isStatus") or flag(message, "isStatusV3"):
        return Ignored("status-broadcast")
    key = wweb_ids.read(message)
    if not isinstance(key, MessageKey):
        return key
    at = line.time(message.get("timestamp"), message.get("t"), *times)
    return _change(line, message, key, at) or _received(line, message, key, at)


def _received(line: Line, message: JsonObject, key: MessageKey, at: Time) -> Outcome:
    content = wweb_content.read(message)
    if not isinstance(content, Content):
        return content
    if content.media_type == "call_log" and key.from_me:
        return Ignored("call-outgoing")
    return outcomes.received(line, key, content, at, message)


def _change(line: Line, message: JsonObject, key: MessageKey, at: Time) -> Outcome | None:
    kind, subtype = text(message, "type"), text(message, "subtype")
    target = message.get("protocolMessageKey")
    if kind == "revoked":
        return about(line, key, at, target).deleted()
    if kind != "protocol" or not wweb_ids.wid(target):
        return None
    if subtype in _REVOKES:
        return about(line, key, at, target).deleted()
    body = words(message, "body", "caption")
    return about(line, key, at, target).edited(body) if subtype in _EDITS and body else None


def about(line: Line, key: MessageKey, at: Time, *targets: JsonValue) -> Changed:
    """Name the message that a change is about; without a target it is the key's own."""
    return Changed(line, key, wweb_ids.wid(*targets) or key.wid, at)


def edited(line: Line, message: JsonObject, body: str, *times: JsonValue) -> Outcome:
    """Tell of an edit; its own time comes before those of the envelope."""
    key = wweb_ids.read(message)
    if not isinstance(key, MessageKey):
        return key
    if not body:
        return Unreadable("an edit without the new words")
    at = line.time(message.get("latestEditSenderTimestampMs"), *times)
    return about(line, key, at).edited(body)


def reacted(line: Line, reaction: JsonObject, *times: JsonValue) -> Outcome:
    """Tell of whatsapp-web's own reaction: `id` is the reaction's key, `msgId` the message's."""
    sender = reaction.get("senderId") or reaction.get("sender")
    target = wweb_ids.message_id(reaction.get("msgId"))
    key = baileys_key.read(
        wweb_ids.key({"id": reaction.get("id"), "chatId": target.chat, "author": sender})
        | ({} if wweb_ids.message_id(reaction.get("id")).chat else {"remoteJid": target.chat})
    )
    if not isinstance(key, MessageKey):
        return key
    if not canonical_wid(target.wid):
        return Unreadable("a reaction to no message")
    at = line.time(reaction.get("timestamp"), *times)
    emoji = text(reaction, "reaction", "reactionText")
    return about(line, key, at, reaction.get("msgId")).reacted(emoji)


def voted(line: Line, vote: JsonObject, poll: JsonValue, voter: str, time: JsonValue) -> Outcome:
    """Tell of a decrypted vote, which has no id: poll, voter and time make one that lasts."""
    asked = wweb_ids.message_id(poll)
    chat = wweb_ids.jid(vote.get("chatId")) or asked.chat
    found = address(voter)
    identity = f"{asked.wid}:{found.canonical if found else 'unknown'}:{count(time) or 0}"
    key = baileys_key.read(
        {
            "id": identity if canonical_wid(asked.wid) else "",
            "fromMe": flag(vote, "fromMe") or _is_ours(voter, chat, asked),
            "remoteJid": chat,
            "participant": voter,
        }
    )
    if not isinstance(key, MessageKey):
        return key
    return chosen(line, key, poll, vote, line.time(time))


def chosen(line: Line, key: MessageKey, poll: JsonValue, vote: JsonObject, at: Time) -> Outcome:
    """Tell what was chosen in a poll; nobody sees a vote that was taken back."""
    several = vote.get("selectedOptions")
    if not isinstance(several, list):
        return Ignored("encrypted-poll-vote")
    if not several:
        return Ignored("poll-vote-withdrawn")
    body = "\n".join(filter(None, options(vote, "selectedOptions", "name")))
    if not body:
        return Ignored("encrypted-poll-vote", "options without names")
    content = Content("pollUpdateMessage", body, quoted_wid=wweb_ids.wid(poll))
    return outcomes.received(line, key, content, at, vote)


def _is_ours(voter: str, chat: str, asked: wweb_ids.MessageId) -> bool:
    """Tell whether we voted: not the other of two, or who asked what we asked in a group."""
    voted, theirs, author = address(voter), address(chat), address(asked.author)
    if voted is None or theirs is None:
        return False
    if theirs.kind is Kind.GROUP:
        ours = author if asked.from_me else None
        return ours is not None and voted.canonical == ours.canonical
    return voted.kind is theirs.kind and voted.canonical != theirs.canonical


def missed_call(
    line: Line, call: JsonObject, caller: JsonValue, *times: JsonValue, number: str = ""
) -> Outcome:
    """Tell of a call that nobody took, as a message of the caller's with the call's id.

    `number` is the caller's other address, where the gateway gives one beside a LID.
    """
    if flag(call, "isGroup"):
        return Ignored("group-call")
    key = baileys_key.read(
        {"id": call.get("id"), "remoteJid": wweb_ids.jid(caller), "remoteJidAlt": number}
    )
    if not isinstance(key, MessageKey):
        return key
    return outcomes.received(line, key, Content("call_log", ""), line.time(*times), call)
