"""What schedulers ask of the campaigns service."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id, Text, Token


class CampaignSend(Event):
    """One recipient of one campaign is to get one text, however often this is repeated."""

    topic: ClassVar[str] = "campaign.send"
    type: ClassVar[str] = "campaign.send"

    campaign_id: Id
    number: Token
    message: Text
    contact_id: Id | None = None
    contact_list_item_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.number}"
