"""Values that are compared: expected ones, and those found after a run.

A contact is identified by its number's digits, a group's id, or its LID's digits.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ComparedMessage:
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
        """The unique key."""
        return self.company_id, self.whatsapp_id, self.wid


@dataclass(frozen=True, slots=True)
class ComparedTicket:
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
        """The unique key."""
        return self.company_id, self.whatsapp_id, self.contact


@dataclass(frozen=True, slots=True)
class ComparedContact:
    """A contact; a name that no event held is None."""

    company_id: int
    identity: str
    number: str | None
    lid: str | None
    is_group: bool
    name: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""
        return self.company_id, self.identity


@dataclass(frozen=True, slots=True)
class ComparedShipping:
    """A row of "CampaignShipping"; its key is (campaign, recipient)."""

    company_id: int
    campaign_id: int
    number: str
    message: str

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""
        return self.campaign_id, self.number


@dataclass(frozen=True, slots=True)
class ComparedSend:
    """A `message.send`; its key is (campaign, recipient), whatever its send id."""

    company_id: int
    whatsapp_id: int
    campaign_id: int | None
    number: str
    body: str

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""
        return self.campaign_id, self.number


@dataclass(frozen=True, slots=True)
class ComparedGatewaySend:
    """A send that a gateway received; its key is all that the request held."""

    number: str
    body: str

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""
        return self.number, self.body


@dataclass(frozen=True, slots=True)
class ComparedDeadLetter:
    """A dead letter; its key is the topic, partition and offset of its record."""

    topic: str
    partition: int
    offset: int
    reason: str

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""
        return self.topic, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is compared; `due_at` and `published_at` are the times of sends by line."""

    messages: list[ComparedMessage] = field(default_factory=list)
    tickets: list[ComparedTicket] = field(default_factory=list)
    contacts: list[ComparedContact] = field(default_factory=list)
    shippings: list[ComparedShipping] = field(default_factory=list)
    sends: list[ComparedSend] = field(default_factory=list)
    gateway_sends: list[ComparedGatewaySend] = field(default_factory=list)
    dead_letters: list[ComparedDeadLetter] = field(default_factory=list)
    due_at: dict[int, list[datetime]] = field(default_factory=dict)
    published_at: dict[int, list[datetime]] = field(default_factory=dict)
