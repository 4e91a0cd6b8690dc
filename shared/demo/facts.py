"""What can be known of a run, in one form for what must be there and for what is found.

Contacts are named by their identity: the number's digits, a group's id, or the LID's digits.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessageFact:
    """A row of "Messages"; its key is (company, line, wid)."""

    company_id: int
    whatsapp_id: int
    wid: str
    contact: str
    sender: str | None
    from_me: bool
    media_type: str
    body: str
    quoted_wid: str | None
    at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.company_id, self.whatsapp_id, self.wid


@dataclass(frozen=True, slots=True)
class TicketFact:
    """A ticket that is not closed; its key is (company, line, contact)."""

    company_id: int
    whatsapp_id: int
    contact: str
    status: str
    is_group: bool
    unread: int
    last_message: str
    from_me: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.company_id, self.whatsapp_id, self.contact


@dataclass(frozen=True, slots=True)
class ContactFact:
    """A contact; a name that cannot be known is None on both sides."""

    company_id: int
    identity: str
    number: str | None
    lid: str | None
    is_group: bool
    name: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.company_id, self.identity


@dataclass(frozen=True, slots=True)
class ShippingFact:
    """A row of "CampaignShipping"; its key is (campaign, recipient)."""

    company_id: int
    campaign_id: int
    number: str
    message: str

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.campaign_id, self.number


@dataclass(frozen=True, slots=True)
class SendFact:
    """A `message.send`; its key is (campaign, recipient), however it calls its send id."""

    company_id: int
    whatsapp_id: int
    campaign_id: int | None
    number: str
    body: str

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.campaign_id, self.number


@dataclass(frozen=True, slots=True)
class TakenFact:
    """A send that a gateway was asked for; its key is all that the gateway was told."""

    number: str
    body: str

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.number, self.body


@dataclass(frozen=True, slots=True)
class LetterFact:
    """A dead letter; its key is the place of the record that it keeps."""

    topic: str
    partition: int
    offset: int
    reason: str

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""
        return self.topic, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is compared; for each line, when its sends were due and when they were told."""

    messages: list[MessageFact] = field(default_factory=list)
    tickets: list[TicketFact] = field(default_factory=list)
    contacts: list[ContactFact] = field(default_factory=list)
    shippings: list[ShippingFact] = field(default_factory=list)
    sends: list[SendFact] = field(default_factory=list)
    taken: list[TakenFact] = field(default_factory=list)
    letters: list[LetterFact] = field(default_factory=list)
    planned_at: dict[int, list[datetime]] = field(default_factory=dict)
    told_at: dict[int, list[datetime]] = field(default_factory=dict)
