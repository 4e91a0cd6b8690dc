"""The line that a payload came through, and when: what every event of the payload shares."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from shared.contracts.base import CLOCKS_DIFFER
from shared.gateways.reading import moment

_WHATSAPP_BEGAN = datetime(2009, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Time:
    """When something happened; `is_estimated` where that is only when we received it."""

    at: datetime
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a company, and the time at which its payload was received.

    `instances` are the names by which its gateway may call it; empty where none is registered.
    """

    company_id: int
    whatsapp_id: int
    received_at: datetime
    instances: frozenset[str] = frozenset()

    def time(self, *values: JsonValue) -> Time:
        """Give the first of a gateway's times that a message can be of, else that of receipt."""
        latest = self.received_at + CLOCKS_DIFFER
        for value in values:
            found = moment(value)
            if found is not None and _WHATSAPP_BEGAN <= found <= latest:
                return Time(found)
        return Time(self.received_at, is_estimated=True)
