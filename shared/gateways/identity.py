"""Who is meant: WhatsApp's many ways to write one address, reduced to one each.

A telephone number, a LID (WhatsApp's number-hiding id), a BSUID (a business' own id of a user) and
a group each have one canonical text, whatever device, server alias or gateway the address came
through (field notes 3.6).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LONGEST_ADDRESS = 255  # characters; what is longer is not read: it may stand beside many messages


class Kind(StrEnum):
    """What an address stands for, read from its server."""

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
    """One address: `canonical` is for knowing it again, `jid` for sending to it.

    `jid` keeps the server as received, without the device: an answer goes to the person, not to
    one of their telephones.
    """

    kind: Kind
    canonical: str
    jid: str


@dataclass(frozen=True, slots=True)
class Party:
    """A chat or an author, joined from all addresses a gateway gave for it."""

    canonical: str
    lid: str | None
    jid: str


_SERVERS = {
    "s.whatsapp.net": Kind.NUMBER,
    "c.us": Kind.NUMBER,
    "hosted": Kind.NUMBER,  # a number whose second device is Meta's Cloud API
    "lid": Kind.LID,
    "hosted.lid": Kind.LID,
    "g.us": Kind.GROUP,
    "broadcast": Kind.BROADCAST,
    "newsletter": Kind.NEWSLETTER,
    "bot": Kind.BOT,
}
# Before the server may stand an agent (`_1`, whatsmeow's `.0`) and a device (`:12`).
_JID = re.compile(r"\+?([^@:_\s]{1,64}?)(?:[._][0-9]{1,3})?(?::[0-9]+)?@([a-z.]{1,32})")
# ENT: of a group of businesses; `user.` is the country's place in what Meta announced first.
_BSUID = re.compile(r"(?:[A-Za-z]{2}|user)\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_BARE_NUMBER = re.compile(r"\+?([0-9]{6,15})")  # E.164's length: group ids and most LIDs are longer
_USERS = {
    Kind.NUMBER: re.compile(r"[0-9]{1,20}"),
    Kind.LID: re.compile(r"[0-9]{1,20}"),
    Kind.GROUP: re.compile(r"[0-9]{1,40}(?:-[0-9]{1,20})?"),
}
_WHATSAPP = "0"  # the company itself, which tells of novelties and hears nobody
_SERIALIZED_WID = re.compile(r"(?:(?:true|false)_)?[^_@]+@[a-z.]+_([^_]+)(?:_.*)?")
_WID = re.compile(r"[!-~]{1,255}")


def address(jid: str) -> Address | None:
    """Recognise an address; None for text that is none."""
    if len(jid) > LONGEST_ADDRESS:
        return None
    stripped = jid.strip()
    if _BSUID.fullmatch(stripped):
        return Address(Kind.BSUID, stripped, stripped)
    lowered = stripped.lower()
    if bare := _BARE_NUMBER.fullmatch(lowered):
        return Address(Kind.NUMBER, bare[1], f"{bare[1]}@s.whatsapp.net")
    parts = _JID.fullmatch(lowered)
    if parts is None:
        return None
    user, server = parts.groups()
    kind = Kind.OTHER if user == _WHATSAPP else _SERVERS.get(server, Kind.OTHER)
    if kind in _USERS and not _USERS[kind].fullmatch(user):
        return None
    return _address(kind, user, server)


def _address(kind: Kind, user: str, server: str) -> Address:
    jid = f"{user}@{server}"
    match kind:
        case Kind.NUMBER | Kind.GROUP:
            return Address(kind, user, jid)
        case Kind.LID:
            return Address(kind, f"{user}@lid", jid)
        case Kind.BROADCAST if user == "status":
            return Address(Kind.STATUS, jid, jid)
        case _:
            return Address(kind, jid, jid)


def person(aliases: Iterable[str]) -> Party | None:
    """Join the addresses given for one person, the earlier ones being worth more.

    A number wins over a BSUID and a LID, for the chat's name and for sending, so that a gateway's
    older and newer forms of one message tell of the same chat; the LID is kept beside it.
    """
    known = [found for found in map(address, aliases) if found is not None]
    phone = next((found for found in known if found.kind is Kind.NUMBER), None)
    bsuid = next((found for found in known if found.kind is Kind.BSUID), None)
    lid = next((found for found in known if found.kind is Kind.LID), None)
    best = phone or bsuid or lid
    if best is None:
        return None
    return Party(best.canonical, lid.canonical if lid else None, best.jid)


def canonical_wid(raw: str) -> str | None:
    """Give the bare provider id: `true_<chat>_<id>[_<author>]` is `<id>`, a wamid is itself."""
    stripped = raw.strip()
    serialized = _SERIALIZED_WID.fullmatch(stripped)
    wid = serialized[1] if serialized else stripped
    return wid if _WID.fullmatch(wid) else None
