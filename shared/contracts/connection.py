"""The state of a line, as gateways report it."""

from typing import ClassVar, Literal

from typing_extensions import override

from shared.contracts.base import BACK_OFFICE, GATEWAY, Event, Moment, Name, Roles
from shared.contracts.members import TimestampEstimated, WhatsappId

LineStatus = Literal["OPENING", "qrcode", "PENDING", "CONNECTED", "DISCONNECTED", "TIMEOUT"]


class ConnectionUpdated(Event):
    """The status of a line (`"Whatsapps".status`) changed; the newest `timestamp` wins.

    A QR code is a secret and is not published.
    """

    topic: ClassVar[str] = "connection.changed"
    type: ClassVar[str] = "connection.updated"
    writers: ClassVar[Roles] = (GATEWAY, "messages")
    readers: ClassVar[Roles] = ("messages", BACK_OFFICE)

    whatsapp_id: WhatsappId
    status: LineStatus
    """The state as `"Whatsapps".status` has it; `qrcode` waits for the code to be scanned."""
    timestamp: Moment
    """When the state began: ISO 8601 with zone, or seconds or milliseconds since 1970."""
    timestamp_estimated: TimestampEstimated = False
    reason: Name | None = None
    """The gateway's own text about the cause."""
    number: Name | None = None
    """The telephone number of the line, once it is connected."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.whatsapp_id}"
