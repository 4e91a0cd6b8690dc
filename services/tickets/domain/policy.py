"""Settings of a company and a line that the rules read, and their texts for auto-replies."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.tickets.domain.business_hours import BusinessHours


@dataclass(frozen=True, slots=True)
class AutoReplyTexts:
    """Texts of auto-replies (not WhatsApp message templates); an empty text is not sent."""

    rating: str = ""
    farewell: str = ""
    completion: str = ""
    transfer: str = ""
    inactive: str = ""
    expired: str = ""
    consent: str = ""
    greeting: str = ""
    accepted: str = ""
    out_of_hours: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue that a contact may choose; with `closes`, choosing it closes the ticket."""

    id: int
    name: str
    greeting: str = ""
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of the company and the line of a ticket."""

    asks_rating: bool = False
    closes_on_transfer: bool = False
    sends_farewell_to_waiting: bool = False
    max_rating_questions: int = 0
    max_bot_questions: int = 0
    bot_pause: timedelta = timedelta(0)
    menu: tuple[Queue, ...] = ()
    hours: BusinessHours = field(default_factory=BusinessHours)
    templates: AutoReplyTexts = AutoReplyTexts()
