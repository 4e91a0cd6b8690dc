"""What gateways tell of a line itself."""

from typing import ClassVar, Literal

from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name

LineStatus = Literal["OPENING", "qrcode", "PENDING", "CONNECTED", "DISCONNECTED", "TIMEOUT"]


class ConnectionUpdated(Event):
    """A line is in another state (schema.md 3, Whatsapps.status): the newest `timestamp` rules.

    `reason` is the gateway's own word for why. A QR code is a secret and is not told.
    """

    topic: ClassVar[str] = "connection.changed"
    type: ClassVar[str] = "connection.updated"

    whatsapp_id: Id
    status: LineStatus
    timestamp: Moment
    timestamp_estimated: bool = False
    reason: Name | None = None
    number: Name | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.whatsapp_id}"
