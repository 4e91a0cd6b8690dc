"""`chatia conformance topic` names what is wrong with a gateway, and nothing where it is right."""

from datetime import UTC, datetime

import pytest

from shared.conformance.report import Check, Level, Report
from shared.conformance.topic.faults import RULES
from shared.conformance.topic.read_record import RecordReader
from shared.conformance.topic.run import Times, TopicRun
from shared.conformance.topic.sends import plan_sends
from tests.support.foreign_gateway import ANA, LINE, NAMESPACE, NOBODY, ForeignGateway

UNANSWERED = {"answer", "sent", "repeated", "expired", "no-whatsapp"}  # without readable answers
TIMES = Times(collect_s=0.0, answer_s=60.0, settle_s=0.0)  # answers come at once
IMPATIENT = Times(collect_s=0.0, answer_s=0.05, settle_s=0.0)  # where answers never come


async def check(*faults: str, sends: bool = True, times: Times = TIMES) -> Report:
    gateway = ForeignGateway(*faults)
    run = TopicRun(gateway, RecordReader(NAMESPACE), LINE, {LINE, (1, 11)}, times)
    plan = plan_sends(LINE, ANA, NOBODY, "r1", datetime.now(UTC))
    return await run.run(plan if sends else None)


def list_rules(report: Report) -> set[str]:
    """Return the rules that failed."""
    return {failed.name.partition(":")[0] for failed in report.failed}


@pytest.mark.parametrize("form", [(), ("structured",)], ids=["binary", "structured"])
async def test_a_right_gateway_gets_full_marks(form: tuple[str, ...]) -> None:
    report = await check(*form)
    assert report.failed == []
    assert (report.holds, {found.letter for found in report.grades.values()}) == (True, {"A"})
    checked = {done.name.partition(":")[0] for done in report.checks}
    assert checked == {rule.name for rule in RULES} - {"send-id"}


@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("a wrong key", {"key"}),
        ("any partition", {"partition"}),
        ("an unknown member", {"unknown-members"}),
        ("another company in the headers", {"headers", *UNANSWERED}),
        ("no type", {"headers", *UNANSWERED}),
        ("headers without an id", {"attributes"}),
        ("no JSON", {"body"}),
        ("a line that is not registered", {"line"}),
        ("a chat with a device", {"address"}),
        ("a chat with a server", {"address"}),
        ("a chat with a plus sign", {"address"}),
        ("a chat that is no number", {"address"}),
        ("a group without author", {"participant"}),
        ("a wid with its chat", {"wid"}),
        ("another content", {"wid-content"}),
        ("another wid", {"duplicate"}),
        ("not in order", {"order"}),
        ("local time", {"local-time", *UNANSWERED}),
        ("local time as UTC, ahead", {"local-time"}),
        ("local time as UTC, behind", {"local-time"}),
        ("a time in the future", {"future-time"}),
        ("ack 5", {"ack"}),
        ("ack 9", {"ack"}),
        ("no wid", {"answer-wid"}),
        ("no echo", {"echo"}),
        ("answers twice", {"answer"}),
        ("an answer without sendId", {"send-id", "answer", "sent", "repeated"}),
        ("no answer", UNANSWERED),
        ("sends again", {"repeated", "duplicate"}),
        ("sends expired", {"expired"}),
        ("a wrong error class", {"no-whatsapp", "error-class"}),
    ],
)
async def test_a_fault_is_named(fault: str, rules: set[str]) -> None:
    report = await check(fault, times=IMPATIENT if "answer" in rules else TIMES)
    assert list_rules(report) == rules
    musts = {rule.name for rule in RULES if rule.level is Level.MUST}
    assert report.holds == (not list_rules(report) & musts)


async def test_a_failed_check_says_what_came_and_where_the_right_form_is_documented() -> None:
    report = await check("a wrong key")
    found = next(failed for failed in report.failed if failed.came.endswith(f"'1:10:{ANA}'"))
    assert found == Check(
        area="keys",
        name=found.name,
        level=Level.MUST,
        passed=False,
        sent=found.sent,
        came=f"the key is '{ANA}', the body gives '1:10:{ANA}'",
        expected="the key that the members of the body give",
        documented="docs/events.md#messagereceived",
    )
    assert "Oi" not in found.sent


async def test_an_unknown_member_is_named() -> None:
    report = await check("an unknown member")
    assert {failed.came for failed in report.failed} == {"not of the contract: mediaURL"}


async def test_records_of_other_lines_are_left_out() -> None:
    gateway = ForeignGateway("a wrong key")
    run = TopicRun(gateway, RecordReader(NAMESPACE), (1, 11), {LINE, (1, 11)}, TIMES)
    report = await run.run(None)
    assert (report.checks, report.holds) == ((), False)
    assert "Left out: 6 records of other lines." in report.remarks


async def test_nothing_is_sent_without_a_number() -> None:
    report = await check(sends=False)
    assert "sends" not in report.grades
    assert report.remarks[0].startswith("Not checked: how the gateway sends")
