"""Envelopes of raw gateway events on Kafka."""

from datetime import datetime
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import override

from shared.contracts.base import Event, Moment, Name, Roles, Text, Token, WholeName
from shared.contracts.members import WhatsappId


class RawRecord(BaseModel):
    """A record that a gateway put on its own topic; `received_at` is the record's time."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    received_at: Moment | None = Field(None, exclude=True)


class EvolutionRecord(RawRecord):
    """One event of Evolution API v2, from one of its global topics.

    The `apikey` of the envelope is the secret of the instance and is not read. Neither are
    `date_time`, which is local time marked as UTC, and `sender`, which is the owner of the line.
    """

    type: ClassVar[str] = "evolution"

    event: Name
    instance: WholeName
    server_url: WholeName = ""
    data: JsonValue = Field(None, repr=False)


class GatewayReceived(Event):
    """A payload as a gateway posted it for a line; the messages service translates it.

    The webhooks write this topic: a gateway of your own publishes `message.received` and the
    other translated events instead. `receivedAt` is never later than the time of its record.
    """

    topic: ClassVar[str] = "gateway.received"
    type: ClassVar[str] = "gateway.received"

    writers: ClassVar[Roles] = ("messages",)
    readers: ClassVar[Roles] = ("messages",)

    whatsapp_id: WhatsappId
    gateway: Token
    """The gateway's name in webhook addresses, for example `waha`."""
    received_at: Moment
    """When the webhook was called, ISO 8601 with zone."""
    body: Text = Field(repr=False)
    """The JSON text that the gateway posted."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.whatsapp_id}"

    @override
    def limit_timestamp(self, moment: datetime) -> Self:
        if self.received_at <= moment:
            return self
        return self.model_copy(update={"received_at": moment})
