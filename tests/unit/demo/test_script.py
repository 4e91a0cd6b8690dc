import json
from collections import Counter
from itertools import pairwise

import pytest

from shared.contracts.gateway import EvolutionRecord
from shared.demo.cast import Group, Place
from shared.demo.crowd import SPAN, Said
from shared.demo.evolution import upsert
from shared.demo.normal import received
from shared.demo.records import Raw
from shared.demo.rubbish import DEADLY
from shared.gateways import evolution
from shared.gateways.line import Line
from shared.gateways.outcome import Translation
from tests.support.demo_stage import NOW, TOPICS, crowd, script

PLACE = Place(company_id=3, whatsapp_id=7)
LINE = Line(PLACE.company_id, PLACE.whatsapp_id, NOW)


def said(events: int = 400) -> list[Said]:
    return crowd().messages(events)


@pytest.mark.parametrize("events", [1, 10, 137, 3000])
def test_the_number_of_gateway_events_is_what_was_asked_for(events: int) -> None:
    assert len(script(events).records) == events


def test_the_same_seed_writes_the_same_script_and_another_seed_another() -> None:
    assert script(seed=5) == script(seed=5)
    assert script(seed=5) != script(seed=6)


def test_the_default_size_holds_everything_that_real_traffic_holds() -> None:
    written = script(3000)
    assert {record.dead for record in written.all} >= {
        "unreadable-body", "empty-body", "unreadable-payload", "unknown-connection",
        "unknown-line", "unknown-version", "tenant-mismatch", "unknown-campaign",
    }  # fmt: skip
    assert {message.media_type for message in written.expected.messages} >= {
        "conversation", "extendedTextMessage", "image", "video", "audio", "application",
        "stickerMessage", "locationMessage", "contactMessage",
    }  # fmt: skip
    assert {ticket.status for ticket in written.expected.tickets} == {"pending", "group"}
    assert {len({c.number, c.lid} - {None}) for c in written.expected.contacts} == {1, 2}
    assert any(contact.number is None for contact in written.expected.contacts)
    assert any(message.quoted_wid for message in written.expected.messages)
    assert len(written.expected.shippings) == 300
    assert Counter(record.topic for record in written.records)["chatia.message.received"] > 100


def test_messages_are_told_more_than_once_and_in_both_shapes() -> None:
    wids: Counter[str] = Counter()
    shapes: dict[str, set[str]] = {}
    for record in script(3000).records:
        if record.dead is None and (wid := _wid(record)):
            wids[wid] += 1
            shapes.setdefault(wid, set()).add(record.topic)
    assert sum(1 for count in wids.values() if count > 1) > 100
    assert any(len(topics) > 1 for topics in shapes.values())


def test_some_events_are_overtaken_and_some_share_their_second() -> None:
    chat_times: dict[str, list[int]] = {}
    for record in script(3000).records:
        if record.topic.endswith("messages.upsert") and record.dead is None:
            content = json.loads(record.value or b"")["data"]
            chat_times.setdefault(content["key"]["remoteJid"], []).append(
                content["messageTimestamp"]
            )
    steps = [after - before for times in chat_times.values() for before, after in pairwise(times)]
    assert min(steps) < 0
    assert 0 in steps


def test_all_was_said_within_the_last_hours_at_whole_seconds() -> None:
    times = [one.at for one in said()]
    assert min(times) >= NOW.replace(microsecond=0) - SPAN
    assert max(times) <= NOW
    assert all(at.microsecond == 0 for at in times)


def test_numbers_are_brazilian_mobiles_that_cannot_exist() -> None:
    written = script(1000)
    people = [c.number for c in written.expected.contacts if c.number and not c.is_group]
    numbers = people + [shipping.number for shipping in written.expected.shippings]
    assert all(len(number) == 13 and number[4:6] == "90" for number in numbers)


def test_each_job_is_asked_for_up_to_three_times() -> None:
    written = script(1000)
    asked = Counter(
        (json.loads(job.value or b"")["campaignId"], job.key)
        for job in written.jobs
        if not job.dead
    )
    assert set(asked.values()) == {1, 2, 3}
    assert len(asked) == len(written.expected.shippings)


def test_jobs_are_spread_among_the_gateway_events() -> None:
    written = script(600)
    order = [record.topic == "chatia.campaign.send" for record in written.all]
    assert len(order) == len(written.records) + len(written.jobs)
    assert 0 < sum(order[: len(order) // 2]) < len(written.jobs)


@pytest.mark.parametrize("by_lid", [True, False])
def test_the_translator_reads_the_raw_shape_as_what_our_own_gateway_would_tell(
    *, by_lid: bool
) -> None:
    for one in said():
        record = EvolutionRecord.model_validate(upsert(one, by_lid=by_lid))
        (event,) = evolution.translate(record, LINE).events
        told = received(one, PLACE)
        alike = {"data_json": None, "jid": None, "participant_jid": None}
        if one.author is None:
            # In a group Evolution names ourselves as the author; nobody may make a contact of it.
            alike |= {"participant": None, "participant_lid": None}
        assert event.model_copy(update=alike) == told.model_copy(update=alike)


def test_what_is_not_a_message_is_ignored_or_unreadable_to_the_translator() -> None:
    for record in script(1000).records:
        if record.dead == "unreadable-payload":
            assert _translated(record).unreadable
        elif record.topic.startswith("evolution.") and record.dead is None and not _wid(record):
            assert _translated(record).ignored


def test_exactly_the_messages_outside_unwanted_groups_are_expected() -> None:
    written = script(1000)
    told = {wid for record in written.records if record.dead is None and (wid := _wid(record))}
    expected = {message.wid for message in written.expected.messages}
    unwanted = {
        one.wid
        for one in said(len(told))
        if isinstance(one.chat, Group) and not one.line.allow_group
    }
    assert unwanted
    assert expected == told - unwanted


def test_every_way_to_spoil_a_record_says_what_becomes_of_it() -> None:
    one = said(1)[0]
    assert all(spoil(one, PLACE, TOPICS).dead for spoil in DEADLY)


def _translated(record: Raw) -> Translation:
    envelope = EvolutionRecord.model_validate_json(record.value or b"")
    return evolution.translate(envelope, LINE)


def _wid(record: Raw) -> str:
    """Give the wid of a message that is to be stored, in either shape; else ''."""
    body = json.loads(record.value or b"")
    if record.topic.endswith("message.received"):
        return str(body["wid"])
    if record.topic.endswith("messages.upsert") and _translated(record).events:
        return str(body["data"]["key"]["id"])
    return ""
