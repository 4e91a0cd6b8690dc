"""Rules that turn send jobs into rows and due rows into sends; rates are in `store.CLAIM`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.campaigns.domain.keys import CampaignKey
from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome, Reject

SEND_WITHIN = timedelta(hours=24)  # a text is not sent later than this after its slot
MOST_AT_ONCE = 500  # sends of one line in one run of the timer


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
    """A campaign text that was claimed because it is due; `at` is its send slot."""

    company_id: int
    whatsapp_id: int
    campaign_id: int
    number: str
    message: str
    send_id: str
    at: datetime


def get_campaign_key(job: CampaignSend) -> CampaignKey:
    """Return the key of a job's campaign."""
    return CampaignKey(job.company_id, job.campaign_id)


def plan_shippings(
    campaigns: Collection[CampaignKey], batch: Sequence[CampaignSend]
) -> tuple[list[Shipping], Outcome]:
    """Return one row per campaign and recipient, and reject the jobs of unknown campaigns."""
    rows: dict[tuple[CampaignKey, str], Shipping] = {}
    rejects: Outcome = []
    for job in batch:
        campaign = get_campaign_key(job)
        if campaign not in campaigns:
            rejects.append(Reject(job, "unknown-campaign", _explain_unknown_campaign(job)))
            continue
        rows.setdefault((campaign, job.number), _build_row(job))
    return list(rows.values()), rejects


def build_sends(due: Sequence[Due]) -> list[MessageSend]:
    """Return the sends of due texts, in the order of their slots."""
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


def _build_row(job: CampaignSend) -> Shipping:
    return Shipping(
        company_id=job.company_id,
        campaign_id=job.campaign_id,
        number=job.number,
        message=job.message,
        contact_id=job.contact_id,
        contact_list_item_id=job.contact_list_item_id,
    )


def _explain_unknown_campaign(job: CampaignSend) -> str:
    return (
        f"company {job.company_id} has no campaign {job.campaign_id}; "
        "make it, then replay this record"
    )
