"""The cases of `chatia conformance webhook`: valid payloads of every kind, many oddities."""

import json
import re
from collections import Counter

import pytest

from shared.conformance.topic.faults import RULES
from shared.conformance.webhook.case import Target, find_marks
from shared.conformance.webhook.cases import list_cases
from shared.conformance.webhook.kind import JID, TIME
from shared.conformance.webhook.kinds import BATCHES, KINDS
from shared.conformance.webhook.oddities import ODDITIES, TEXT_ODDITIES
from shared.contracts.message import MessageReceived
from shared.gateways import registry
from tests.support.sources import ROOT
from tests.unit.gateways.samples import LINE, describe_outcomes

LEAST_CASES = 300
KEY = "the key of a line"
WID = "CONFORM-waha-0001"

CHANGES = {
    "ack": "message.acked",
    "connection": "connection.updated",
    "delete": "message.deleted",
    "edit": "message.edited",
    "failure": "message.acked",
    "reaction": "message.reacted",
}
WITHOUT_EVENT = {
    "presence": {"presence-update", "group-update"},
    "template": {"message-template-status-update"},
    "unknown": {"unknown-event"},
}
KINDS_OF_GATEWAYS = [(gateway, kind) for gateway, kinds in KINDS.items() for kind in kinds]


def build_target(gateway: str, max_bytes: int = 500_000) -> Target:
    return Target(gateway, f"http://h/gateways/{gateway}/1/10", KEY, KEY, max_bytes)


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_every_gateway_has_at_least_300_cases_of_different_names(gateway: str) -> None:
    cases = list_cases(build_target(gateway), "CONFORM-")
    names = Counter((case.area, case.name) for case in cases)
    assert len(cases) >= LEAST_CASES
    assert set(names.values()) == {1}


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_the_cases_are_the_same_in_every_run(gateway: str) -> None:
    target = build_target(gateway)
    assert list_cases(target, "CONFORM-x-") == list_cases(target, "CONFORM-x-")


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_the_mark_of_a_case_is_in_its_own_bodies_alone(gateway: str) -> None:
    cases = list_cases(build_target(gateway), f"CONFORM-{gateway}-")
    for case in cases:
        if case.mark:
            assert [find_marks(post.body) for post in case.posts] == [{case.mark}] * len(case.posts)
    marks = Counter(case.mark for case in cases if case.mark)
    assert set(marks.values()) == {1}


@pytest.mark.parametrize(("gateway", "kind"), KINDS_OF_GATEWAYS)
def test_a_payload_is_translated_to_what_its_kind_says(gateway: str, kind: str) -> None:
    translation = registry.translate(gateway, KINDS[gateway][kind](WID), LINE)
    if kind in WITHOUT_EVENT or (gateway, kind) == ("whatsapp-web-js", "call"):
        (ignored,) = translation.ignored
        assert ignored.reason in WITHOUT_EVENT.get(kind, {"call-ringing"})
        return
    (event,) = translation.events
    assert event.type == CHANGES.get(kind, "message.received")
    if isinstance(event, MessageReceived):
        assert event.wid.removeprefix("wamid.") == WID
        assert event.timestamp.timestamp() == TIME
        assert event.from_me == (kind == "own")
        assert event.is_group == (kind == "group")


@pytest.mark.parametrize("gateway", BATCHES)
def test_a_batch_has_as_many_events_as_parts(gateway: str) -> None:
    translation = registry.translate(gateway, BATCHES[gateway](WID, 1_000), LINE)
    assert (len(translation.events), translation.unreadable) == (1_000, ())


@pytest.mark.parametrize("name", ODDITIES | TEXT_ODDITIES)
@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_an_odd_payload_is_json_that_is_read_as_some_event(gateway: str, name: str) -> None:
    body = (ODDITIES | TEXT_ODDITIES)[name](KINDS[gateway]["text"](WID))
    outcomes = describe_outcomes(
        registry.translate(gateway, json.loads(body.decode("utf-8-sig")), LINE)
    )
    assert len(outcomes) == 1
    assert not outcomes[0].startswith("unreadable")


def test_an_odd_text_replaces_what_the_person_wrote_and_no_address() -> None:
    body = json.loads(TEXT_ODDITIES["a text of digits"](KINDS["baileys"]["text"](WID)))
    message = body["data"]["messages"][0]
    assert message["message"] == {"conversation": "0123"}
    assert message["key"] == {"remoteJid": JID, "fromMe": False, "id": WID}


def test_what_was_sent_is_shown_without_keys() -> None:
    for gateway in registry.GATEWAYS:
        for case in list_cases(build_target(gateway), "CONFORM-"):
            assert KEY not in case.sent + case.name + case.documented


def test_other_lines_are_tried_only_where_the_address_has_our_form() -> None:
    ours = {case.name for case in list_cases(build_target("waha"), "C") if case.area == "addresses"}
    other = Target("waha", "http://h/hook", KEY, KEY, 500_000)
    others = {case.name for case in list_cases(other, "C") if case.area == "addresses"}
    assert "the token of another line" in ours - others
    assert "a longer path" in ours & others


def test_what_a_check_refers_to_is_a_heading_of_a_page() -> None:
    cases = [case for gateway in KINDS for case in list_cases(build_target(gateway), "CONFORM-")]
    for place in {case.documented for case in cases} | {rule.documented for rule in RULES}:
        page, _, anchor = place.partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        anchors = {
            re.sub(r"[^\w\- ]", "", heading).replace(" ", "-").lower() for heading in headings
        }
        assert anchor in anchors, place
