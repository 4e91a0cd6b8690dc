"""The state of a line, as gateways report it."""

from typing import ClassVar, Literal

from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name

LineStatus = Literal["OPENING", "qrcode", "PENDING", "CONNECTED", "DISCONNECTED", "TIMEOUT"]


class ConnectionUpdated(Event):
    """The status of a line (`"Whatsapps".status`) changed; the newest `timestamp` wins.

    `reason` is the gateway's own text. A QR code is a secret and is not published.
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
