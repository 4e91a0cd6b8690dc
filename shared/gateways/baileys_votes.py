"""Votes in polls, where a gateway has decrypted them: what was chosen, and by whom."""

import re
from collections.abc import Iterator
from zlib import crc32

from pydantic import JsonValue

from shared.gateways.identity import Party, address, person
from shared.gateways.reading import JsonObject, items, mapping, text

_HASH = re.compile(r"[0-9A-Fa-f]{64}|[A-Za-z0-9+/_-]{43}=?")  # an option's, in hex or base64
_OURSELVES = "me"  # Baileys' word for the author of our own votes
_AUTHORS = ("participant", "participantAlt", "remoteJid", "remoteJidAlt", "senderPn", "senderLid")

_MOST_OPTIONS, _LONGEST_OPTION = 32, 255  # WhatsApp allows 12, of 100 characters
_MOST_VOTES = 20_000  # a group has at most 1,024 members


def chosen(received: JsonObject, vote: JsonObject) -> list[str] | None:
    """Give the options of a vote that came as a message; None where it is still encrypted."""
    options = mapping(vote, "vote").get("selectedOptions")
    if isinstance(options, list) and (names := names_of(options)) is not None:
        return names
    if not is_summary(received.get("pollUpdates")):
        return None
    key = mapping(received, "key")
    author = person(text(key, name) for name in _AUTHORS)
    aliases = {author.canonical, author.lid} if author else set()
    is_group = text(key, "remoteJid").endswith("@g.us")
    return [
        option
        for option, voters in _summary(received.get("pollUpdates"))
        if any(not is_group or _canonical(voter) in aliases for voter in voters)
    ]


def names_of(options: list[JsonValue]) -> list[str] | None:
    """Give the names of options; None where they are hashes, which only the poll explains."""
    names = [text({"option": option}, "option") for option in options]
    if any(not name or _HASH.fullmatch(name) for name in names):
        return None
    return names


def is_summary(updates: JsonValue) -> bool:
    """Tell Evolution's sum of a poll, `{name, voters}` for each option, from Baileys' votes."""
    return any(isinstance(update, dict) and "voters" in update for update in items(updates))


def is_too_large(updates: JsonValue) -> bool:
    """Tell whether a sum is of no poll of WhatsApp's; each voter's options would be written out."""
    votes = 0
    for place, (option, voters) in enumerate(_summary(updates), 1):
        votes += len(voters)
        if place > _MOST_OPTIONS or len(option) > _LONGEST_OPTION or votes > _MOST_VOTES:
            return True
    return False


def by_voter(updates: JsonValue) -> dict[str, tuple[Party, list[str]]]:
    """Turn a poll's sum around: for each voter but ourselves, the options they chose."""
    found: dict[str, tuple[Party, list[str]]] = {}
    for option, voters in _summary(updates):
        for voter in voters:
            party = person([voter])
            if party is not None:
                found.setdefault(party.canonical, (party, []))[1].append(option)
    return found


def wid_of_sum(poll: str, voter: str, options: list[str]) -> str:
    """Name a vote known from a sum alone: the same vote has the same name each time it is told."""
    digest = crc32("\n".join(options).encode())
    return f"{poll[:180]}.{voter[:40]}.{digest:08x}"


def _summary(updates: JsonValue) -> Iterator[tuple[str, list[str]]]:
    for update in items(updates):
        if not isinstance(update, dict) or not (option := text(update, "name").strip()):
            continue
        voters = update.get("voters")
        named = voters if isinstance(voters, list) else []
        yield option, [name for name in named if isinstance(name, str) and name != _OURSELVES]


def _canonical(jid: str) -> str | None:
    found = address(jid)
    return found.canonical if found else None
