"""The columns of a line that the rules read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A row of "Whatsapps"; without `allow_group`, group messages are refused.

    `portfolio` is the business portfolio that its connection is set to, or None.
    """

    company_id: int
    whatsapp_id: int
    allow_group: bool
    portfolio: str | None = None

    def choose_portfolio(self, reported: str | None) -> str:
        """Return where the line's BSUIDs are valid: as set, as reported, or on this line alone."""
        return self.portfolio or reported or f"line:{self.whatsapp_id}"
