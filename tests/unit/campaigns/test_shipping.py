"""Recipients of campaigns become rows, and due rows sends."""

from services.campaigns.domain.keys import CampaignKey
from services.campaigns.shipping import rules
from services.campaigns.shipping.rules import Due
from shared.contracts.outcome import Reject
from tests.support.build import at, job


def test_a_job_repeated_in_a_batch_is_one_row() -> None:
    rows, outcome = rules.plan_shippings({CampaignKey(1, 7)}, [job(), job(), job("5511900000002")])
    assert ([row.number for row in rows], outcome) == (["5511900000001", "5511900000002"], [])


def test_of_two_texts_for_one_recipient_the_first_counts() -> None:
    rows, _ = rules.plan_shippings({CampaignKey(1, 7)}, [job(message="um"), job(message="dois")])
    assert [row.message for row in rows] == ["um"]


def test_a_job_of_another_companys_campaign_is_rejected() -> None:
    rows, (reject,) = rules.plan_shippings({CampaignKey(2, 7)}, [job()])
    assert rows == []
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-campaign"


def test_sends_are_in_the_order_of_their_slots() -> None:
    due = [Due(1, 10, 7, n, "Oi", f"campaign:7:{n}", at(m)) for n, m in (("2", 1), ("1", 0))]
    assert [send.chat for send in rules.build_sends(due)] == ["1", "2"]


def test_a_send_expires_a_day_after_its_slot() -> None:
    (send,) = rules.build_sends([Due(1, 10, 7, "1", "Oi", "campaign:7:1", at(0))])
    assert send.expires_at - at(0) == rules.SEND_WITHIN
