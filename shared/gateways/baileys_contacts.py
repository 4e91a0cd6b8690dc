"""What Baileys tells of people: which number and which LID are one person."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.gateways.identity import Kind, Party, address, person
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, items, mapping, text

_JIDS = ("id", "jid", "remoteJid", "remoteJidAlt", "lid", "phoneNumber", "pn", "pnJid", "number")
_BARE = frozenset({"phoneNumber", "pn", "number"})  # elsewhere digits alone may be a row's id


def contacts(data: JsonValue, line: Line) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Read `contacts.upsert` and `contacts.update`, of which only a joined name is news."""
    for contact in items(data):
        if isinstance(contact, dict):
            yield _link(contact, line, "contact-update")
        else:
            yield Unreadable("data is not a contact")


def mappings(data: JsonValue, line: Line) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Read `lid-mapping.update`: `{lid, pn}`, one or several."""
    for pair in items(data):
        if isinstance(pair, dict):
            yield _link(pair, line, "lid-mapping-incomplete")
        else:
            yield Unreadable("data is not a pair of names")


def history(data: JsonValue, line: Line) -> Iterator[ContactLink | Ignored | Unreadable]:
    """Read of a line's past only which names are one person's; its messages are not for us."""
    pairs = mapping({"data": data}, "data").get("lidPnMappings")
    if isinstance(pairs, list) and pairs:
        yield from mappings(pairs, line)
    yield Ignored("history-set")


def link(line: Line, party: Party, name: str = "") -> ContactLink | None:
    """Say that a person's LID and number are one, where both are known."""
    if party.lid is None or party.lid == party.canonical or not party.canonical.isdecimal():
        return None
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{party.lid}:{party.canonical}",
        number=party.canonical,
        lid=party.lid,
        jid=party.jid,
        push_name=name.strip() or None,
    )


def _link(contact: JsonObject, line: Line, otherwise: str) -> ContactLink | Ignored:
    jids = (text(contact, name) for name in _JIDS if name in _BARE or "@" in text(contact, name))
    party = person(jids)
    found = link(line, party, _name(contact, party)) if party else None
    return found or Ignored(otherwise, text(contact, "id", "remoteJid", "lid")[:LONGEST_DETAIL])


def _name(contact: JsonObject, party: Party) -> str:
    name = text(contact, "notify", "pushName", "verifiedName", "name").strip()
    written = address(name)
    is_address = written is not None and written.kind in {Kind.NUMBER, Kind.LID}
    user = (party.lid or "").partition("@")[0]
    return "" if is_address or name == user else name
