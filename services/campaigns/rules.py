"""Who gets a campaign's text, and when. No clock, no database: same arguments, same answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Dead, Outcome

SEND_WITHIN = timedelta(hours=24)  # a text that could not be sent for so long is not sent at all
MOST_AT_ONCE = 500  # sends of one line in one tick


@dataclass(frozen=True, slots=True)
class Shipping:
    """A new row of "CampaignShipping": one campaign's text for one recipient."""

    company_id: int
    campaign_id: int
    number: str
    message: str
    contact_id: int | None
    contact_list_item_id: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """A text whose time has come, as claimed from the database."""

    company_id: int
    whatsapp_id: int
    campaign_id: int
    number: str
    message: str
    send_id: str
    at: datetime


def shippings(
    campaigns: Collection[tuple[int, int]], batch: Sequence[CampaignSend]
) -> tuple[list[Shipping], Outcome]:
    """Plan one row per campaign and recipient; a job for no campaign is a dead letter."""
    rows: dict[tuple[int, int, str], Shipping] = {}
    outcome: Outcome = []
    for job in batch:
        if (job.company_id, job.campaign_id) not in campaigns:
            outcome.append(Dead(job, "unknown-campaign", _no_such_campaign(job)))
            continue
        rows.setdefault(
            (job.company_id, job.campaign_id, job.number),
            Shipping(
                job.company_id,
                job.campaign_id,
                job.number,
                job.message,
                job.contact_id,
                job.contact_list_item_id,
            ),
        )
    return list(rows.values()), outcome


def sends(due: Sequence[Due]) -> list[MessageSend]:
    """Tell what is to be sent now, the longest due first."""
    return [
        MessageSend(
            company_id=item.company_id,
            whatsapp_id=item.whatsapp_id,
            chat=item.number,
            send_id=item.send_id,
            body=item.message,
            expires_at=item.at + SEND_WITHIN,
            campaign_id=item.campaign_id,
        )
        for item in sorted(due, key=lambda item: (item.at, item.send_id))
    ]


def _no_such_campaign(job: CampaignSend) -> str:
    return (
        f"company {job.company_id} has no campaign {job.campaign_id}; "
        "make it, then replay this record"
    )
