"""Requests to the campaigns service."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Id, Text

LONGEST_TEXT = 65_536  # characters, the limit of WhatsApp for one message


class CampaignSend(Event):
    """Send a campaign's text to one recipient; a repetition changes nothing.

    `number` is a telephone number with country code, digits only, or a group id.
    """

    topic: ClassVar[str] = "campaign.send"
    type: ClassVar[str] = "campaign.send"

    campaign_id: Id
    number: Annotated[str, Field(pattern=r"^[0-9][0-9-]{4,39}$")]
    message: Annotated[Text, Field(max_length=LONGEST_TEXT)]
    contact_id: Id | None = None
    contact_list_item_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.number}"
