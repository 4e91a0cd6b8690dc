"""Requests to the campaigns service."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import SCHEDULER, Event, Id, Roles, Text
from shared.contracts.members import LONGEST_TEXT, CampaignId

NUMBER_OR_GROUP = r"^[0-9][0-9-]{4,39}$"


class CampaignSend(Event):
    """Send a campaign's text to one recipient; a repetition changes nothing.

    `number` is the key's second part, so the sends to one recipient stay in order.
    """

    topic: ClassVar[str] = "campaign.send"
    type: ClassVar[str] = "campaign.send"
    names_ignored: ClassVar[bool] = True
    writers: ClassVar[Roles] = (SCHEDULER,)
    readers: ClassVar[Roles] = ("campaigns",)

    campaign_id: CampaignId
    number: Annotated[str, Field(pattern=NUMBER_OR_GROUP)]
    """Telephone number with country code, digits only, or a group id."""
    message: Annotated[Text, Field(max_length=LONGEST_TEXT)]
    """The text to send."""
    contact_id: Id | None = None
    """The recipient in `"Contacts"`, if it is one."""
    contact_list_item_id: Id | None = None
    """The recipient in `"ContactListItems"`, if it is one."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.number}"
