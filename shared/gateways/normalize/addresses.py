"""Parses addresses of people and groups into one canonical text each.

A telephone number, a LID (WhatsApp's id that hides the number), a BSUID (a business' id of a user)
and a group have one canonical text each, whatever device, server alias or gateway the address
came through (docs/gateways.md).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

LONGEST_ADDRESS = 255  # characters; bounds the work: one address may be read for many messages


class AddressKind(StrEnum):
    """What an address identifies, read from its server."""

    NUMBER = "number"
    LID = "lid"
    GROUP = "group"
    STATUS = "status"
    BROADCAST = "broadcast"
    NEWSLETTER = "newsletter"
    BOT = "bot"
    BSUID = "bsuid"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Address:
    """One address: `canonical` identifies it, `jid` is the address to send to.

    `jid` keeps the server as received but not the device, so that an answer reaches all devices.
    """

    kind: AddressKind
    canonical: str
    jid: str


@dataclass(frozen=True, slots=True)
class Party:
    """A chat or an author, joined from all addresses that a gateway gave for it.

    `bsuid` is the BSUID beside a number, None if it is the only address.
    """

    canonical: str
    lid: str | None
    jid: str
    bsuid: str | None = None


class PartyFields(TypedDict):
    """The members of message.received that say whose chat it is, and who wrote in a group."""

    lid: str | None
    jid: str
    bsuid: str | None
    participant: str | None
    participant_lid: str | None
    participant_jid: str | None
    participant_bsuid: str | None


def build_party_fields(chat: Party, author: Party | None) -> PartyFields:
    """Return the members for a chat and, in a group, the author of the message."""
    return PartyFields(
        lid=chat.lid,
        jid=chat.jid,
        bsuid=chat.bsuid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        participant_bsuid=author.bsuid if author else None,
    )


_SERVERS = {
    "s.whatsapp.net": AddressKind.NUMBER,
    "c.us": AddressKind.NUMBER,
    "hosted": AddressKind.NUMBER,  # a number whose second device is Meta's Cloud API
    "lid": AddressKind.LID,
    "hosted.lid": AddressKind.LID,
    "g.us": AddressKind.GROUP,
    "broadcast": AddressKind.BROADCAST,
    "newsletter": AddressKind.NEWSLETTER,
    "bot": AddressKind.BOT,
}
# The user may be followed by an agent (`_1`, whatsmeow's `.0`) and a device (`:12`).
_JID = re.compile(r"\+?([^@:_\s]{1,64}?)(?:[._][0-9]{1,3})?(?::[0-9]+)?@([a-z.]{1,32})")
# `ENT.` marks an id shared by several businesses; `user.` instead of a country is the form that
# Meta announced first.
_BSUID = re.compile(r"(?:[A-Za-z]{2}|user)\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_BARE_NUMBER = re.compile(r"\+?([0-9]{6,15})")  # as in E.164; group ids and most LIDs are longer
_USERS = {
    AddressKind.NUMBER: re.compile(r"[0-9]{1,20}"),
    AddressKind.LID: re.compile(r"[0-9]{1,20}"),
    AddressKind.GROUP: re.compile(r"[0-9]{1,40}(?:-[0-9]{1,20})?"),
}
_WHATSAPP = "0"  # WhatsApp's own announcement account
_LONGEST_SHOWN = 60  # characters of an address in an explanation
_SERIALIZED_WID = re.compile(r"(?:(?:true|false)_)?[^_@]+@[a-z.]+_([^_]+)(?:_.*)?")
_WID = re.compile(r"[!-~]{1,255}")


def parse_address(jid: str) -> Address | None:
    """Parse an address; return None if the text is not an address."""
    if len(jid) > LONGEST_ADDRESS:
        return None
    stripped = jid.strip()
    if _BSUID.fullmatch(stripped):
        return Address(AddressKind.BSUID, stripped, stripped)
    lowered = stripped.lower()
    if bare := _BARE_NUMBER.fullmatch(lowered):
        return Address(AddressKind.NUMBER, bare[1], f"{bare[1]}@s.whatsapp.net")
    parts = _JID.fullmatch(lowered)
    if parts is None:
        return None
    user, server = parts.groups()
    kind = AddressKind.OTHER if user == _WHATSAPP else _SERVERS.get(server, AddressKind.OTHER)
    if kind in _USERS and not _USERS[kind].fullmatch(user):
        return None
    return _build_address(kind, user, server)


def is_bsuid(canonical: str) -> bool:
    """Return whether a canonical text is a BSUID."""
    return _BSUID.fullmatch(canonical) is not None


def explain_address(name: str, address: str) -> str:
    """Return what is wrong with an address that cannot be parsed; `name` is its member."""
    stripped = address.strip()
    if not stripped:
        return f"{name} is missing"
    if len(address) > LONGEST_ADDRESS:
        return f"{name} has {len(address)} characters, more than {LONGEST_ADDRESS}"
    shown = f"{name} {stripped[:_LONGEST_SHOWN]!r}"
    user, _, server = stripped.lower().partition("@")
    if not server:
        return f"{shown} is no number of 6 to 15 digits, no BSUID, and has no @server"
    if server in _SERVERS:
        return f"{shown} has {user[:_LONGEST_SHOWN]!r} before @{server}, which is no id there"
    return f"{shown} is not an address of the form user@server"


def _build_address(kind: AddressKind, user: str, server: str) -> Address:
    jid = f"{user}@{server}"
    match kind:
        case AddressKind.NUMBER | AddressKind.GROUP:
            return Address(kind, user, jid)
        case AddressKind.LID:
            return Address(kind, f"{user}@lid", jid)
        case AddressKind.BROADCAST if user == "status":
            return Address(AddressKind.STATUS, jid, jid)
        case _:
            return Address(kind, jid, jid)


def join_addresses(aliases: Iterable[str]) -> Party | None:
    """Return the party of a person from its addresses; None if none is usable.

    A number wins over a BSUID, a BSUID over a LID, so that older and newer forms of one message
    name the same chat; LID and BSUID are kept beside it. Of two addresses of one kind, the first
    one wins.
    """
    addresses = [parsed for parsed in map(parse_address, aliases) if parsed is not None]
    number = next((parsed for parsed in addresses if parsed.kind is AddressKind.NUMBER), None)
    bsuid = next((parsed for parsed in addresses if parsed.kind is AddressKind.BSUID), None)
    lid = next((parsed for parsed in addresses if parsed.kind is AddressKind.LID), None)
    best = number or bsuid or lid
    if best is None:
        return None
    beside = bsuid.canonical if bsuid and best is not bsuid else None
    return Party(best.canonical, lid.canonical if lid else None, best.jid, beside)


def parse_wid(raw: str) -> str | None:
    """Return the bare message id; None if the text is not an id.

    `true_<chat>_<id>[_<author>]` becomes `<id>`; a wamid stays as it is.
    """
    stripped = raw.strip()
    serialized = _SERIALIZED_WID.fullmatch(stripped)
    wid = serialized[1] if serialized else stripped
    return wid if _WID.fullmatch(wid) else None
