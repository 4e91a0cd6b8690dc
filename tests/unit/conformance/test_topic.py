"""`chatia conformance topic` names what is wrong with a gateway, and nothing where it is right."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.conformance.report import Check, Level, Report
from shared.conformance.topic.faults import RULES
from shared.conformance.topic.read_record import RecordReader
from shared.conformance.topic.record_checks import check_record, mask_key
from shared.conformance.topic.run import Times, TopicRun
from shared.conformance.topic.sends import plan_sends
from shared.conformance.webhook.kinds import KINDS
from shared.contracts.message import ConversationEvent
from shared.delivery.batch.decoder import STRUCTURED
from shared.gateways import registry
from tests.support.foreign_gateway import ANA, BIA, LINE, NAMESPACE, NOBODY, ForeignGateway
from tests.unit.gateways.samples import LINE as SAMPLE_LINE

UNANSWERED = {"answer", "sent", "repeated", "expired", "no-whatsapp"}  # without readable answers
TIMES = Times(collect_s=0.0, answer_s=60.0, settle_s=0.0)  # answers come at once
IMPATIENT = Times(collect_s=0.0, answer_s=0.05, settle_s=0.0)  # where answers never come

ACK = {
    "companyId": 1,
    "whatsappId": 10,
    "chat": ANA,
    "wid": "3EB0A4",
    "ack": 3,
    "timestamp": 1_760_000_000,
}


async def check(*faults: str, sends: bool = True, times: Times = TIMES) -> Report:
    gateway = ForeignGateway(*faults)
    run = TopicRun(gateway, RecordReader(NAMESPACE), LINE, {LINE, (1, 11)}, times)
    plan = plan_sends(LINE, ANA, NOBODY, "r1", datetime.now(UTC))
    return await run.run(plan if sends else None)


def list_rules(report: Report) -> set[str]:
    """Return the rules that failed."""
    return {failed.name.partition(":")[0] for failed in report.failed}


@pytest.mark.parametrize(
    "form",
    [
        (),
        ("structured",),
        ("structured", "without its content type"),
        ("structured", "a content type in capitals"),
        ("half an emoji",),
        ("structured", "half an emoji"),
        ("a BSUID",),
        ("a group of Meta's",),
    ],
    ids=" ".join,
)
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
    found = next(failed for failed in report.failed if failed.came.endswith(":*********0001'"))
    assert found == Check(
        area="keys",
        name=found.name,
        level=Level.MUST,
        passed=False,
        sent=found.sent,
        came="the key is '*********0001', the body gives '1:10:*********0001'",
        expected="the key that the members of the body give",
        documented="docs/events.md#messagereceived",
    )
    assert "Oi" not in found.sent


@pytest.mark.parametrize("company", [[1], {"id": 1}, None])
async def test_a_company_that_is_no_number_is_named(company: object) -> None:
    gateway = ForeignGateway()
    value = json.dumps(ACK | {"companyId": company}).encode()
    gateway.put_raw("message.changed", b"1:10", value, [("ce_type", b"chatia.message.acked.v1")])
    report = await TopicRun(gateway, RecordReader(NAMESPACE), LINE, {LINE}, TIMES).run(None)
    assert [failed.came for failed in report.failed] == [
        "unreadable-body: companyId: an integer is wanted"
    ]


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
    gateway = ForeignGateway()
    before = len(gateway.records)
    report = await TopicRun(gateway, RecordReader(NAMESPACE), LINE, {LINE}, TIMES).run(None)
    assert gateway.sends == []
    assert len(gateway.records) == before
    assert not any(record.topic.endswith("message.answered") for record in gateway.records)
    assert "sends" not in report.grades
    assert report.remarks[0].startswith("Not checked: how the gateway sends")


@pytest.mark.parametrize("fault", ["a wrong key", "a chat with a device", "a wid with its chat"])
async def test_a_report_hides_whose_messages_were_read(fault: str) -> None:
    checks = (await check(fault)).checks
    assert not [done for done in checks if any(who in str(done) for who in (ANA, BIA, NOBODY))]


async def test_a_report_cuts_long_texts_of_a_record() -> None:
    gateway = ForeignGateway()
    members = {"companyId": 1, "whatsappId": 10, "chat": "1" * 250, "m" * 1_000: 1}
    gateway.put_raw("message.received", b"k" * 2_200, json.dumps(members).encode())
    report = await TopicRun(gateway, RecordReader(NAMESPACE), LINE, {LINE}, TIMES).run(None)
    assert max(len(f"{done.name}{done.came}{done.sent}") for done in report.checks) < 700


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"type": "chatia.message.acked.v1", "data": ACK}, {"content-type": STRUCTURED}),
        (ACK | {"specversion": "1.0"}, {"ce_type": "chatia.message.acked.v1"}),
        (ACK | {"data": {}}, {"ce_type": "chatia.message.acked.v1"}),
    ],
)
async def test_members_are_those_that_our_services_read(
    body: dict[str, Any], headers: dict[str, str]
) -> None:
    gateway = ForeignGateway()
    pairs = [(name, value.encode()) for name, value in headers.items()]
    gateway.put_raw("message.changed", f"1:10:{ANA}".encode(), json.dumps(body).encode(), pairs)
    read = RecordReader(NAMESPACE).read(gateway.records[-1])
    assert read.event is not None
    assert (read.claimed_line, read.members["timestamp"]) == (LINE, ACK["timestamp"])


@pytest.mark.parametrize("gateway", KINDS)
def test_the_chats_of_our_own_translators_are_addresses(gateway: str) -> None:
    foreign = ForeignGateway()
    for kind, build in KINDS[gateway].items():
        for event in registry.translate(gateway, build(f"3EB0{kind}"), SAMPLE_LINE).events:
            if isinstance(event, ConversationEvent):
                headers = [("ce_type", event.ce_type().encode())]
                value = event.model_dump_json(by_alias=True, exclude_none=True).encode()
                foreign.put_raw(event.topic, event.key.encode(), value, headers)
    reads = map(RecordReader(NAMESPACE).read, foreign.records)
    checks = [found for read in reads for found in check_record(read, {LINE})]
    assert [found for found in checks if found.area == "addresses" and not found.passed] == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("1:10", "1:10"),
        (f"1:10:{ANA}", "1:10:*********0001"),
        (f"1:10:+{ANA}", "1:10:+*********0001"),
        (ANA, "*********0001"),
        (f"{ANA}:10:1", "*************:10:1"),
        ("1:10:" + "9" * 100, "1:10:" + "*" * 75 + "…"),
    ],
)
def test_of_a_key_only_the_end_of_its_chat_is_shown(key: str, shown: str) -> None:
    assert mask_key(key) == shown
