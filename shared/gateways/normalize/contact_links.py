"""Builds the requests that link the number and the LID of a person."""

from shared.contracts.contact import ContactLink
from shared.gateways.normalize.addresses import Party
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
    )
