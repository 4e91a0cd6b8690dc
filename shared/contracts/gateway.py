"""The envelopes in which gateways put their raw events on Kafka."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.contracts.base import Name, Text


class EvolutionRecord(BaseModel):
    """One event of Evolution API v2 (field notes: its global topics carry this envelope).

    The envelope's `apikey` is the instance's secret and is not a member: reading drops it.
    `date_time` is local time with a false Z and `sender` is the line's owner, so neither is read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    type: ClassVar[str] = "evolution"

    event: Name
    instance: Name
    server_url: Text = ""
    data: JsonValue = Field(None, repr=False)
