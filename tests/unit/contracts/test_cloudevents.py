from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.contracts.campaign import CampaignSend
from shared.contracts.cloudevents import build_headers

SEND = CampaignSend(company_id=7, campaign_id=1, number="5511999990000", message="Olá")
NOON = datetime(2026, 3, 1, 12, 0, 0, 1500, tzinfo=UTC)


def test_the_headers_are_those_of_the_binary_mode() -> None:
    assert build_headers(SEND, id="a-1", source="here/ção", time=NOON) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"a-1"),
        ("ce_type", b"chatia.campaign.send.v1"),
        ("ce_source", "here/ção".encode()),
        ("ce_time", b"2026-03-01T12:00:00.001Z"),
        ("ce_companyid", b"7"),
        ("content-type", b"application/json"),
    ]


def test_a_sequence_header_is_written_only_where_the_source_counts() -> None:
    counted = build_headers(SEND, id="a", source="s", time=NOON, sequence="0042.000001")

    assert dict(counted)["ce_sequence"] == b"0042.000001"
    assert "ce_sequence" not in dict(build_headers(SEND, id="a", source="s", time=NOON))


def test_times_are_written_in_utc() -> None:
    in_sao_paulo = NOON.astimezone(timezone(timedelta(hours=-3)))

    assert build_headers(SEND, id="a", source="s", time=in_sao_paulo) == build_headers(
        SEND, id="a", source="s", time=NOON
    )


def test_a_time_without_a_zone_raises() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        build_headers(SEND, id="a", source="s", time=NOON.replace(tzinfo=None))
