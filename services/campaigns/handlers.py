"""What the campaigns worker does with send jobs, and what it does when sends fall due."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.campaigns import rules, store
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome


async def accept_jobs(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
    """Note each recipient of each campaign once, however often the scheduler repeats itself."""
    campaigns = await store.campaigns(conn, {(job.company_id, job.campaign_id) for job in batch})
    shippings, outcome = rules.shippings(campaigns, batch)
    await store.insert(conn, shippings)
    return outcome


async def send_due(conn: AsyncConnection, default_interval_ms: int) -> Sequence[MessageSend]:
    """Send what is due, no line faster than its rate."""
    return rules.sends(await store.claim_due(conn, default_interval_ms))
