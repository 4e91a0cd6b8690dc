"""Translates contact events of Baileys: only pairs of number and LID are used."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.contracts.names import find_name
from shared.gateways.normalize.addresses import join_addresses
from shared.gateways.normalize.contact_links import build_contact_link
from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    clean_text,
    read_object,
    read_text,
)
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, Unreadable

_JIDS = ("id", "jid", "remoteJid", "remoteJidAlt", "lid", "phoneNumber", "pn", "pnJid", "number")
# Bare digits in other members may be the id of a row.
_BARE = frozenset({"phoneNumber", "pn", "number"})


def translate_contacts(data: JsonValue, line: Line) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Translate `contacts.upsert` and `contacts.update`; only a pair of addresses is used."""
    for contact in as_list(data):
        if isinstance(contact, dict):
            yield _translate_contact(contact, line, "contact-update")
        else:
            yield Unreadable("data is not a contact")


def translate_lid_mappings(
    data: JsonValue, line: Line
) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Translate `lid-mapping.update`: one or several `{lid, pn}`."""
    for pair in as_list(data):
        if isinstance(pair, dict):
            yield _translate_contact(pair, line, "lid-mapping-incomplete")
        else:
            yield Unreadable("data is not a pair of names")


def translate_history(data: JsonValue, line: Line) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Translate the LID pairs of a history; its messages are ignored."""
    pairs = read_object({"data": data}, "data").get("lidPnMappings")
    if isinstance(pairs, list) and pairs:
        yield from translate_lid_mappings(pairs, line)
    yield Ignored("history")


def _translate_contact(contact: JsonObject, line: Line, reason: str) -> ContactLink | Ignored:
    jids = (
        read_text(contact, name)
        for name in _JIDS
        if name in _BARE or "@" in read_text(contact, name)
    )
    party = join_addresses(jids)
    link = build_contact_link(line, party, _read_name(contact)) if party else None
    return link or Ignored(reason, read_text(contact, "id", "remoteJid", "lid")[:LONGEST_DETAIL])


def _read_name(contact: JsonObject) -> str:
    raw_names = (contact.get(name) for name in ("notify", "pushName", "verifiedName", "name"))
    return clean_text(find_name(*raw_names) or "")
