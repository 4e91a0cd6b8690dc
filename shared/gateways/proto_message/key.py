"""The key of a message: its chat, its author and its id."""

from dataclasses import dataclass

from pydantic import JsonValue

from shared.contracts.names import find_name
from shared.gateways.normalize.addresses import (
    AddressKind,
    Party,
    explain_address,
    join_addresses,
    parse_address,
    parse_wid,
)
from shared.gateways.normalize.json_values import JsonObject, clean_text, read_flag, read_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, Unreadable


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A parsed key; `author` is None outside groups, and if it is missing."""

    wid: str
    from_me: bool
    is_group: bool
    chat: Party
    author: Party | None = None

    def is_address(self, text: str) -> bool:
        """Return whether a name is only an address of the chat or the author.

        Evolution fills a missing name with the user part of the address.
        """
        parties = (self.chat, self.author) if self.author else (self.chat,)
        users = {party.jid.partition("@")[0] for party in parties}
        lids = {party.lid.partition("@")[0] for party in parties if party.lid}
        user = text.strip().lstrip("+").partition("@")[0].partition(":")[0]
        return user in users | lids

    def choose_push_name(self, *names: JsonValue) -> str | None:
        """Return the first name of the contact; None if there is none but an address.

        In our own messages it would be our name, or Evolution's "Você".
        """
        name = find_name(*names)
        return None if name is None or self.from_me or self.is_address(name) else clean_text(name)


# Evolution 2.3.0 to 2.3.2 put the LID that they replaced into previousRemoteJid.
_CHAT = ("remoteJid", "remoteJidAlt", "previousRemoteJid")
_SENDER = ("senderPn", "senderLid")
_AUTHOR = ("participant", "participantAlt", "participantPn", "participantLid", *_SENDER)
_NOT_CHATS = {
    AddressKind.STATUS: "status-broadcast",
    AddressKind.BROADCAST: "broadcast-list",
    AddressKind.NEWSLETTER: "newsletter",
    AddressKind.BOT: "bot-chat",
    AddressKind.OTHER: "unsupported-chat",
}


def read_key(key: JsonObject, participant: str = "") -> MessageKey | Ignored | Unreadable:
    """Return the key that Baileys 6 and 7, or Evolution 1 and 2, wrote.

    `participant` is the author as written beside the key.
    """
    key = _restore_servers(key)
    from_me = read_flag(key, "fromMe")
    address = parse_address(read_text(key, "remoteJid"))
    if address is None:
        return Unreadable(explain_address("key.remoteJid", read_text(key, "remoteJid")))
    is_group = address.kind is AddressKind.GROUP
    chat = (
        Party(address.canonical, None, address.jid)
        if is_group
        else join_addresses(_list_chat_addresses(address.kind, key, participant))
    )
    if chat is None:
        return Ignored(_NOT_CHATS[address.kind], address.jid[:LONGEST_DETAIL])
    wid = parse_wid(read_text(key, "id"))
    if wid is None:
        return Unreadable("key.id is not an id")
    names = [*(read_text(key, name) for name in _AUTHOR), participant]
    author = join_addresses(names) if is_group else None
    return MessageKey(wid, from_me, is_group, chat, author)


def _restore_servers(key: JsonObject) -> JsonObject:
    """Return the key with the server of its LIDs: Evolution 2.4 cuts it off with the device."""
    if read_text(key, "addressingMode") != "lid":
        return key
    bare = (name for name in ("remoteJid", "participant") if read_text(key, name).isdecimal())
    return {**key, **{name: f"{read_text(key, name)}@lid" for name in bare}}


def _list_chat_addresses(kind: AddressKind, key: JsonObject, participant: str) -> list[str]:
    from_me = read_flag(key, "fromMe")
    match kind:
        case AddressKind.NUMBER | AddressKind.LID | AddressKind.BSUID if from_me:
            # The sender is our own line, which must not become the chat.
            return [read_text(key, name) for name in _CHAT]
        case AddressKind.NUMBER | AddressKind.LID | AddressKind.BSUID:
            return [read_text(key, name) for name in (*_CHAT, *_SENDER)]
        case AddressKind.BROADCAST if not from_me:
            # A message to a broadcast list of the customer appears in the chat with the customer.
            return [*(read_text(key, name) for name in _AUTHOR), participant]
        case _:
            return []
