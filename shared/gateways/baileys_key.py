"""Baileys' message key: which chat, which author, which message."""

from dataclasses import dataclass

from shared.gateways.identity import Kind, Party, address, canonical_wid, person
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, flag, text


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What a readable key says; `author` is None outside groups, and where it is not given."""

    wid: str
    from_me: bool
    is_group: bool
    chat: Party
    author: Party | None = None

    def is_address(self, name: str) -> bool:
        """Tell whether a name is only an address: Evolution fills a missing name with its user."""
        parties = (self.chat, self.author) if self.author else (self.chat,)
        users = {party.jid.partition("@")[0] for party in parties}
        lids = {party.lid.partition("@")[0] for party in parties if party.lid}
        user = name.strip().lstrip("+").partition("@")[0].partition(":")[0]
        return user in users | lids


# Evolution 2.3.0 to 2.3.2 put the LID it replaced into previousRemoteJid.
_CHAT = ("remoteJid", "remoteJidAlt", "previousRemoteJid")
_SENDER = ("senderPn", "senderLid")
_AUTHOR = ("participant", "participantAlt", "participantPn", "participantLid", *_SENDER)
_NOT_CHATS = {
    Kind.STATUS: "status-broadcast",
    Kind.BROADCAST: "broadcast-list",
    Kind.NEWSLETTER: "newsletter",
    Kind.BOT: "bot-chat",
    Kind.OTHER: "unsupported-chat",
}


def read(key: JsonObject, participant: str = "") -> MessageKey | Ignored | Unreadable:
    """Read a key as Baileys 6 and 7 and Evolution 1 and 2 write it.

    `participant` is the author as written beside the key.
    """
    key = _with_servers(key)
    from_me = flag(key, "fromMe")
    found = address(text(key, "remoteJid"))
    if found is None:
        return Unreadable("key.remoteJid is not an address")
    is_group = found.kind is Kind.GROUP
    chat = (
        Party(found.canonical, None, found.jid)
        if is_group
        else person(_names_of_chat(found.kind, key, participant))
    )
    if chat is None:
        return Ignored(_NOT_CHATS[found.kind], found.jid[:LONGEST_DETAIL])
    wid = canonical_wid(text(key, "id"))
    if wid is None:
        return Unreadable("key.id is not an id")
    names = [*(text(key, name) for name in _AUTHOR), participant]
    author = person(names) if is_group else None
    return MessageKey(wid, from_me, is_group, chat, author)


def _with_servers(key: JsonObject) -> JsonObject:
    """Give a LID its server back: Evolution 2.4 cuts that off together with the device."""
    if text(key, "addressingMode") != "lid":
        return key
    bare = (name for name in ("remoteJid", "participant") if text(key, name).isdecimal())
    return {**key, **{name: f"{text(key, name)}@lid" for name in bare}}


def _names_of_chat(kind: Kind, key: JsonObject, participant: str) -> list[str]:
    from_me = flag(key, "fromMe")
    match kind:
        case Kind.NUMBER | Kind.LID | Kind.BSUID if from_me:
            # The sender is ourselves, who must not become the chat.
            return [text(key, name) for name in _CHAT]
        case Kind.NUMBER | Kind.LID | Kind.BSUID:
            return [text(key, name) for name in (*_CHAT, *_SENDER)]
        case Kind.BROADCAST if not from_me:
            # Through a customer's broadcast list, yet in a chat between us two.
            return [*(text(key, name) for name in _AUTHOR), participant]
        case _:
            return []
