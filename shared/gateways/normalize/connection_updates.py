"""Events about the state of a line."""

from shared.contracts.connection import ConnectionUpdated, LineStatus
from shared.gateways.normalize.addresses import AddressKind, parse_address
from shared.gateways.normalize.line import Line, Time


def build_connection_update(
    line: Line,
    status: LineStatus,
    since: Time,
    reason: str | None = None,
    number: str | None = None,
) -> ConnectionUpdated:
    """Build the event that a line has had this state since then; an empty reason becomes None."""
    return ConnectionUpdated(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        status=status,
        timestamp=since.at,
        timestamp_estimated=since.is_estimated,
        reason=reason or None,
        number=number,
    )


def find_number(*jids: str) -> str | None:
    """Return the first telephone number among a line's own addresses."""
    addresses = (parse_address(jid) for jid in jids)
    return next(
        (
            address.canonical
            for address in addresses
            if address and address.kind is AddressKind.NUMBER
        ),
        None,
    )
