"""Votes in polls that a gateway has decrypted: the options and the voters."""

import re
from collections.abc import Iterator
from zlib import crc32

from pydantic import JsonValue

from shared.gateways.normalize.addresses import Party, join_addresses, parse_address
from shared.gateways.normalize.json_values import JsonObject, as_list, read_object, read_text

_HASH = re.compile(r"[0-9A-Fa-f]{64}|[A-Za-z0-9+/_-]{43}=?")  # of an option, in hex or base64
_OURSELVES = "me"  # how Baileys names the author of our own votes
_AUTHORS = ("participant", "participantAlt", "remoteJid", "remoteJidAlt", "senderPn", "senderLid")

_MOST_OPTIONS, _LONGEST_OPTION = 32, 255  # WhatsApp allows 12, of 100 characters
_MOST_VOTES = 20_000  # a group has at most 1,024 members


def read_chosen_options(message: JsonObject, vote: JsonObject) -> list[str] | None:
    """Return the options of a vote that came as a message; None if it is encrypted."""
    options = read_object(vote, "vote").get("selectedOptions")
    if isinstance(options, list) and (names := read_option_names(options)) is not None:
        return names
    if not is_summary(message.get("pollUpdates")):
        return None
    key = read_object(message, "key")
    author = join_addresses(read_text(key, name) for name in _AUTHORS)
    aliases = {author.canonical, author.lid} if author else set()
    is_group = read_text(key, "remoteJid").endswith("@g.us")
    return [
        option
        for option, voters in _iterate_summary(message.get("pollUpdates"))
        if any(not is_group or _parse_canonical(voter) in aliases for voter in voters)
    ]


def read_option_names(options: list[JsonValue]) -> list[str] | None:
    """Return the names of options; None if they are hashes."""
    names = [read_text({"option": option}, "option") for option in options]
    if any(not name or _HASH.fullmatch(name) for name in names):
        return None
    return names


def is_summary(updates: JsonValue) -> bool:
    """Return whether the updates are Evolution's totals `{name, voters}`, not single votes."""
    return any(isinstance(update, dict) and "voters" in update for update in as_list(updates))


def is_too_large(updates: JsonValue) -> bool:
    """Return whether a summary has more options or votes than a poll of WhatsApp.

    Every voter's options are written out, so the size must be bounded.
    """
    votes = 0
    for number, (option, voters) in enumerate(_iterate_summary(updates), 1):
        votes += len(voters)
        if number > _MOST_OPTIONS or len(option) > _LONGEST_OPTION or votes > _MOST_VOTES:
            return True
    return False


def group_by_voter(updates: JsonValue) -> dict[str, tuple[Party, list[str]]]:
    """Return the voters of a summary, except ourselves, with the options they chose."""
    by_voter: dict[str, tuple[Party, list[str]]] = {}
    for option, voters in _iterate_summary(updates):
        for voter in voters:
            party = join_addresses([voter])
            if party is not None:
                by_voter.setdefault(party.canonical, (party, []))[1].append(option)
    return by_voter


def build_vote_wid(poll: str, voter: str, options: list[str]) -> str:
    """Return an id for a vote of a summary, the same each time the vote is repeated."""
    digest = crc32("\n".join(options).encode())
    return f"{poll[:180]}.{voter[:40]}.{digest:08x}"


def _iterate_summary(updates: JsonValue) -> Iterator[tuple[str, list[str]]]:
    for update in as_list(updates):
        if not isinstance(update, dict) or not (option := read_text(update, "name").strip()):
            continue
        voters = update.get("voters")
        listed = voters if isinstance(voters, list) else []
        yield option, [name for name in listed if isinstance(name, str) and name != _OURSELVES]


def _parse_canonical(jid: str) -> str | None:
    address = parse_address(jid)
    return address.canonical if address else None
