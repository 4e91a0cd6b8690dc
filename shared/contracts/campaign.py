"""What schedulers ask of the campaigns service."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Id, Text

LONGEST_TEXT = 65_536  # characters: what WhatsApp takes in one message


class CampaignSend(Event):
    """One recipient of one campaign is to get one text, however often this is repeated.

    `number` is the digits of a telephone number, with country, or a group's id.
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
