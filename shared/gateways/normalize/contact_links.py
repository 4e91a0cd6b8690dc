"""Builds the requests that link the addresses of a person, and those that change them."""

from datetime import datetime
from hashlib import sha256

from shared.contracts.contact import ContactLink, ContactMove
from shared.gateways.normalize.addresses import AddressKind, Party, parse_address
from shared.gateways.normalize.line import Line


def build_contact_link(line: Line, party: Party, name: str = "") -> ContactLink | None:
    """Build the request that links a number and its LID; None if one is unknown."""
    if party.lid is None or party.lid == party.canonical or not party.canonical.isdecimal():
        return None
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{party.lid}:{party.canonical}",
        number=party.canonical,
        lid=party.lid,
        jid=party.jid,
        push_name=name or None,
        whatsapp_id=line.whatsapp_id,
        timestamp=line.received_at,
    )


def build_number_change(line: Line, old: str, new: str, at: datetime) -> ContactMove | None:
    """Build the request for a change of a number; None if they are not two different numbers."""
    before, after = parse_number(old), parse_number(new)
    if before is None or after is None or before == after:
        return None
    return ContactMove(
        company_id=line.company_id,
        request_id=build_move_id(at, before, after),
        timestamp=at,
        number=before,
        new_number=after,
        whatsapp_id=line.whatsapp_id,
    )


def build_move_id(at: datetime, *addresses: str | None) -> str:
    """Return the request id of a change: the same for a repeated notice, not for a later change."""
    text = "|".join((at.isoformat(), *(address or "" for address in addresses)))
    return f"move:{sha256(text.encode()).hexdigest()}"


def parse_number(address: str) -> str | None:
    """Return the digits of an address that is a number."""
    return _parse_kind(address, AddressKind.NUMBER)


def parse_bsuid(address: str) -> str | None:
    """Return an address that is a BSUID."""
    return _parse_kind(address, AddressKind.BSUID)


def _parse_kind(address: str, kind: AddressKind) -> str | None:
    parsed = parse_address(address)
    return parsed.canonical if parsed is not None and parsed.kind is kind else None
