"""The line that a payload came through, and the times in its events."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from shared.contracts.base import CLOCKS_DIFFER
from shared.gateways.normalize.json_values import parse_time

_WHATSAPP_BEGAN = datetime(2009, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Time:
    """When something happened; `is_estimated` if only the time of receipt is known."""

    at: datetime
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a company, and when its payload was received.

    `instances` are the names that its gateway may use for it; empty if none is registered.
    """

    company_id: int
    whatsapp_id: int
    received_at: datetime
    instances: frozenset[str] = frozenset()

    def read_time(self, *values: JsonValue) -> Time:
        """Return the first plausible one of a gateway's times, else the time of receipt.

        Times before WhatsApp existed, or more than a day after the receipt, are skipped.
        """
        latest = self.received_at + CLOCKS_DIFFER
        for value in values:
            time = parse_time(value)
            if time is not None and _WHATSAPP_BEGAN <= time <= latest:
                return Time(time)
        return Time(self.received_at, is_estimated=True)
