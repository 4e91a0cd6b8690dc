"""Save the recipients of campaigns, and send the texts that are due."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.campaigns.shipping import rules, store
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome


async def save_shippings(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
    """Save each recipient of each campaign once; repeated send jobs change nothing."""
    campaigns = await store.find_campaigns(conn, {rules.get_campaign_key(job) for job in batch})
    shippings, rejects = rules.plan_shippings(campaigns, batch)
    await store.insert_shippings(conn, shippings)
    return rejects


async def send_due(conn: AsyncConnection, default_interval_ms: int) -> Sequence[MessageSend]:
    """Claim due sends, limited by each line's rate, and return them as `message.send` facts."""
    return rules.build_sends(await store.claim_due(conn, default_interval_ms))
