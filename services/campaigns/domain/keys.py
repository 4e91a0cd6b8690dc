"""Keys by which rules and statements identify rows."""

from typing import NamedTuple


class CampaignKey(NamedTuple):
    """Key of a row of "Campaigns"."""

    company_id: int
    campaign_id: int
