"""The columns of a line that the rules read."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.contacts.domain.keys import LineKey


@dataclass(frozen=True, slots=True)
class Line:
    """A row of "Whatsapps"; without `allow_group`, group messages are refused.

    `portfolio` is the business portfolio that its connection is set to, or None. `has_changes` says
    whether any number of its company changed. `message_days` is how long its company keeps
    messages, None for ever.
    """

    company_id: int
    whatsapp_id: int
    allow_group: bool
    portfolio: str | None = None
    has_changes: bool = False
    message_days: int | None = None


def choose_portfolio(
    lines: Mapping[LineKey, Line], company_id: int, whatsapp_id: int | None, reported: str | None
) -> str:
    """Return where BSUIDs are valid: as set for the line, as reported, or on the line alone."""
    if whatsapp_id is None:
        return reported or ""
    line = lines.get(LineKey(company_id, whatsapp_id))
    return (line and line.portfolio) or reported or f"line:{whatsapp_id}"
