"""The columns of a line that the rules read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A row of "Whatsapps"; without `allow_group`, group messages are refused."""

    company_id: int
    whatsapp_id: int
    allow_group: bool
