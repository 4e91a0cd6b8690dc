"""The envelopes in which gateways put their raw events on Kafka."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name, Text, Token, WholeName


class RawRecord(BaseModel):
    """What a gateway put on a topic of its own; `received_at` is the record's own time."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    received_at: Moment | None = Field(None, exclude=True)


class EvolutionRecord(RawRecord):
    """One event of Evolution API v2 (field notes: its global topics carry this envelope).

    The envelope's `apikey` is the instance's secret and is not a member: reading drops it.
    `date_time` is local time with a false Z and `sender` is the line's owner, so neither is read.
    """

    type: ClassVar[str] = "evolution"

    event: Name
    instance: WholeName
    server_url: WholeName = ""
    data: JsonValue = Field(None, repr=False)


class GatewayReceived(Event):
    """A payload that a gateway posted to a line's address, as it came; `body` is its JSON text."""

    topic: ClassVar[str] = "gateway.received"
    type: ClassVar[str] = "gateway.received"

    whatsapp_id: Id
    gateway: Token
    received_at: Moment
    body: Text = Field(repr=False)

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.whatsapp_id}"
