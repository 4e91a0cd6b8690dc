"""`chatia conformance webhook` finds what is wrong with an endpoint, and nothing else."""

import httpx
import pytest

from shared.conformance.report import Level, Report
from shared.conformance.webhook.case import Target
from shared.conformance.webhook.player import Limits, WebhookPlayer
from tests.support.endpoints import Endpoint

KEY = "the key of a line"
LARGEST = 200_000  # bytes
PATIENT = Limits(slow_s=30.0, timeout_s=60.0)


async def play(gateway: str, *faults: str, limits: Limits = PATIENT, watch: bool = True) -> Report:
    target = Target(gateway, f"http://h/gateways/{gateway}/1/10", KEY, f"{KEY} 2", LARGEST)
    if gateway != "cloud-api":
        target = Target(gateway, target.url, KEY, KEY, LARGEST)
    endpoint = Endpoint(target, *faults)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint)) as client:  # type: ignore[arg-type]
        return await WebhookPlayer(client, target, limits).run(endpoint if watch else None)


def list_failed(report: Report, level: Level = Level.MUST) -> dict[str, set[str]]:
    """Return the names of failed checks by area."""
    found: dict[str, set[str]] = {}
    for check in report.failed:
        if check.level is level:
            found.setdefault(check.area, set()).add(check.name)
    return found


# All seven play against our own endpoint in the integration tests.
@pytest.mark.parametrize("gateway", ["cloud-api", "waha", "wppconnect"])
async def test_a_right_endpoint_gets_full_marks(gateway: str) -> None:
    report = await play(gateway)
    assert report.failed == []
    assert (report.holds, {found.letter for found in report.grades.values()}) == (True, {"A"})


async def test_an_endpoint_that_answers_200_before_it_checks_the_token_is_found() -> None:
    report = await play("evolution", "takes everything")
    failed = list_failed(report)
    assert {"text, no token", "text, a wrong key", "no token, an empty body"} <= failed[
        "authentication"
    ]
    assert "a byte larger than allowed" in failed["sizes"]
    assert "the token of another company" in failed["addresses"]
    assert not report.holds


@pytest.mark.parametrize("gateway", ["waha", "cloud-api", "wppconnect"])
async def test_an_endpoint_that_accepts_a_wrong_signature_is_found(gateway: str) -> None:
    failed = list_failed(await play(gateway, "accepts every signature"))
    assert {"text, one digit changed", "ack, a wrong key"} <= failed["authentication"]
    assert "text, no token" not in failed["authentication"]


async def test_an_endpoint_that_fails_on_unknown_kinds_is_found() -> None:
    report = await play("waha", "an error for unknown kinds")
    names = list_failed(report)["payloads"]
    assert "unknown, as documented" in names
    assert "text, as documented" not in names
    (check,) = [c for c in report.failed if c.name == "unknown, as documented"]
    assert (check.came, check.expected) == ("500", "200")
    assert check.documented.startswith("docs/gateways.md#")
    assert "later.event" in check.sent


async def test_an_endpoint_that_hangs_on_a_large_body_is_found() -> None:
    limits = Limits(slow_s=0.1, timeout_s=0.02)
    report = await play("wppconnect", "hangs on large bodies", limits=limits)
    (check,) = [c for c in report.failed if (c.area, c.name) == ("sizes", "as large as allowed")]
    assert (check.level, check.came) == (Level.MUST, "no answer within 0.02 s")


async def test_an_endpoint_that_answers_slowly_loses_only_a_grade() -> None:
    report = await play("waha", limits=Limits(slow_s=0.0, timeout_s=60.0))
    assert report.holds
    assert report.grades["time"].letter == "C"
    assert set(list_failed(report, Level.SHOULD)) == {"time"}


async def test_an_endpoint_that_fails_after_a_deep_body_is_found() -> None:
    failed = list_failed(await play("waha", "fails after a deep body"))
    assert any("levels that are not closed" in name for name in failed["connection"])


async def test_an_endpoint_that_takes_every_line_with_one_token_is_found() -> None:
    failed = list_failed(await play("evolution", "accepts every line"))
    assert failed == {
        "addresses": {
            "the token of another line",
            "the token of another company",
            "the token of another gateway",
        }
    }


async def test_an_endpoint_without_a_largest_body_is_found() -> None:
    failed = list_failed(await play("waha", "no largest body"))
    assert "twice as large as allowed, chunked" in failed["sizes"]


async def test_an_endpoint_that_takes_what_it_refuses_is_found() -> None:
    failed = list_failed(await play("waha", "takes what it refuses"))
    assert set(failed) == {"taken payloads"}
    assert "authentication: text, no token" in failed["taken payloads"]
    assert "sizes: twice as large as allowed" in failed["taken payloads"]


async def test_an_endpoint_that_loses_payloads_is_found() -> None:
    failed = list_failed(await play("waha", "loses payloads"))
    assert set(failed) == {"taken payloads"}
    assert "payloads: text, as documented" in failed["taken payloads"]


async def test_an_endpoint_that_refuses_a_legal_text_is_found() -> None:
    failed = list_failed(await play("baileys", "refuses null bytes"))
    assert "text, a NUL in the text" in failed["payloads"]


async def test_an_endpoint_that_does_not_repeat_metas_challenge_is_found() -> None:
    failed = list_failed(await play("cloud-api", "no challenge"))
    assert failed == {"authentication": {"the right verify token"}}


async def test_without_the_topics_the_report_says_what_was_not_checked() -> None:
    report = await play("waha", watch=False)
    assert "taken payloads" not in report.grades
    (remark,) = report.remarks
    assert remark.startswith("Not checked")


async def test_a_report_never_holds_the_key() -> None:
    report = await play("cloud-api", "takes everything")
    assert KEY not in str(report.to_json())


async def test_each_case_of_a_player_is_played_once() -> None:
    target = Target("waha", "http://h/gateways/waha/1/10", KEY, KEY, LARGEST)
    played: list[None] = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Endpoint(target))) as client:  # type: ignore[arg-type]
        player = WebhookPlayer(client, target, PATIENT)
        cases = player.cases
        await player.run(None, on_played=lambda: played.append(None))
    assert player.cases is cases
    assert len(played) == len(cases)
