import json
from collections import Counter
from itertools import pairwise

import pytest

from shared.contracts.gateway import EvolutionRecord
from shared.dev.demo.companies import Group, LineIds
from shared.dev.demo.conversations import SPAN, SampleMessage
from shared.dev.demo.evolution_payloads import build_upsert
from shared.dev.demo.invalid_records import INVALID
from shared.dev.demo.normalized_events import build_message_received
from shared.dev.demo.records import SampleRecord
from shared.gateways.evolution import events as evolution
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Translation
from tests.support.demo_rows import NOW, TOPICS, build_generator, build_traffic

LINE_IDS = LineIds(company_id=3, whatsapp_id=7)
LINE = Line(LINE_IDS.company_id, LINE_IDS.whatsapp_id, NOW)


def generate_messages(events: int = 400) -> list[SampleMessage]:
    return build_generator().generate_messages(events)


@pytest.mark.parametrize("events", [1, 10, 137, 3000])
def test_the_number_of_gateway_events_is_as_requested(events: int) -> None:
    assert len(build_traffic(events).records) == events


def test_traffic_depends_on_the_seed() -> None:
    assert build_traffic(seed=5) == build_traffic(seed=5)
    assert build_traffic(seed=5) != build_traffic(seed=6)


def test_traffic_of_the_default_size_holds_every_kind_of_record() -> None:
    traffic = build_traffic(3000)
    assert {record.dead_reason for record in traffic.all_records} >= {
        "unreadable-body", "empty-body", "unreadable-payload", "unknown-connection",
        "unknown-line", "unknown-version", "tenant-mismatch", "unknown-campaign",
    }  # fmt: skip
    assert {message.media_type for message in traffic.expected.messages} >= {
        "conversation", "extendedTextMessage", "image", "video", "audio", "application",
        "stickerMessage", "locationMessage", "contactMessage",
    }  # fmt: skip
    assert {ticket.status for ticket in traffic.expected.tickets} == {"pending", "group"}
    assert {len({c.number, c.lid} - {None}) for c in traffic.expected.contacts} == {1, 2}
    assert any(contact.number is None for contact in traffic.expected.contacts)
    assert any(message.quoted_wid for message in traffic.expected.messages)
    assert len(traffic.expected.shippings) == 300
    assert Counter(record.topic for record in traffic.records)["chatia.message.received"] > 100


def test_messages_are_repeated_and_published_in_both_shapes() -> None:
    wids: Counter[str] = Counter()
    shapes: dict[str, set[str]] = {}
    for record in build_traffic(3000).records:
        if record.dead_reason is None and (wid := _read_wid(record)):
            wids[wid] += 1
            shapes.setdefault(wid, set()).add(record.topic)
    assert sum(1 for count in wids.values() if count > 1) > 100
    assert any(len(topics) > 1 for topics in shapes.values())


def test_some_events_are_late_and_some_share_their_second() -> None:
    chat_times: dict[str, list[int]] = {}
    for record in build_traffic(3000).records:
        if record.topic.endswith("messages.upsert") and record.dead_reason is None:
            content = json.loads(record.value or b"")["data"]
            chat_times.setdefault(content["key"]["remoteJid"], []).append(
                content["messageTimestamp"]
            )
    steps = [after - before for times in chat_times.values() for before, after in pairwise(times)]
    assert min(steps) < 0
    assert 0 in steps


def test_messages_are_of_the_last_hours_at_whole_seconds() -> None:
    times = [message.at for message in generate_messages()]
    assert min(times) >= NOW.replace(microsecond=0) - SPAN
    assert max(times) <= NOW
    assert all(at.microsecond == 0 for at in times)


def test_numbers_are_brazilian_mobiles_that_cannot_exist() -> None:
    traffic = build_traffic(1000)
    people = [c.number for c in traffic.expected.contacts if c.number and not c.is_group]
    numbers = people + [shipping.number for shipping in traffic.expected.shippings]
    assert all(len(number) == 13 and number[4:6] == "90" for number in numbers)


def test_each_job_is_asked_for_up_to_three_times() -> None:
    traffic = build_traffic(1000)
    requested = Counter(
        (json.loads(job.value or b"")["campaignId"], job.key)
        for job in traffic.jobs
        if not job.dead_reason
    )
    assert set(requested.values()) == {1, 2, 3}
    assert len(requested) == len(traffic.expected.shippings)


def test_jobs_are_spread_among_the_gateway_events() -> None:
    traffic = build_traffic(600)
    order = [record.topic == "chatia.campaign.send" for record in traffic.all_records]
    assert len(order) == len(traffic.records) + len(traffic.jobs)
    assert 0 < sum(order[: len(order) // 2]) < len(traffic.jobs)


@pytest.mark.parametrize("by_lid", [True, False])
def test_the_translated_payload_equals_the_event_of_our_own_gateway(*, by_lid: bool) -> None:
    for message in generate_messages():
        record = EvolutionRecord.model_validate(build_upsert(message, by_lid=by_lid))
        (event,) = evolution.translate(record, LINE).events
        published = build_message_received(message, LINE_IDS)
        ignored = {"data_json": None, "jid": None, "participant_jid": None}
        ignored |= {"bsuid": None, "participant_bsuid": None, "portfolio": None}  # not Evolution's
        if message.author is None:
            # In a group Evolution names ourselves as the author; which must not become a contact.
            ignored |= {"participant": None, "participant_lid": None}
        assert event.model_copy(update=ignored) == published.model_copy(update=ignored)


def test_events_that_are_no_messages_are_ignored_or_unreadable() -> None:
    for record in build_traffic(1000).records:
        if record.dead_reason == "unreadable-payload":
            assert _translate(record).unreadable
        elif (
            record.topic.startswith("evolution.")
            and record.dead_reason is None
            and not _read_wid(record)
        ):
            assert _translate(record).ignored


def test_exactly_the_messages_outside_unwanted_groups_are_expected() -> None:
    traffic = build_traffic(1000)
    published = {
        wid
        for record in traffic.records
        if record.dead_reason is None and (wid := _read_wid(record))
    }
    expected = {message.wid for message in traffic.expected.messages}
    unwanted = {
        message.wid
        for message in generate_messages(len(published))
        if isinstance(message.chat, Group) and not message.line.allow_group
    }
    assert unwanted
    assert expected == published - unwanted


def test_every_invalid_record_has_the_reason_of_its_dead_letter() -> None:
    message = generate_messages(1)[0]
    assert all(build_invalid(message, LINE_IDS, TOPICS).dead_reason for build_invalid in INVALID)


def _translate(record: SampleRecord) -> Translation:
    envelope = EvolutionRecord.model_validate_json(record.value or b"")
    return evolution.translate(envelope, LINE)


def _read_wid(record: SampleRecord) -> str:
    """Return the wid of a message that is to be stored, in either shape; else ''."""
    body = json.loads(record.value or b"")
    if record.topic.endswith("message.received"):
        return str(body["wid"])
    if record.topic.endswith("messages.upsert") and _translate(record).events:
        return str(body["data"]["key"]["id"])
    return ""
