from datetime import UTC, datetime

from shared.cli.payloads import describe_translation, read_payloads
from shared.contracts.message import MessageReceived
from shared.gateways.normalize.outcome import Ignored, Translation, Unreadable

EVENT = MessageReceived(
    company_id=1, whatsapp_id=2, chat="55", wid="A", timestamp=datetime(2026, 3, 1, tzinfo=UTC)
)


def test_a_file_is_one_document_or_one_per_line() -> None:
    assert read_payloads(b'{\n "a": 1\n}\n') == [{"a": 1}]
    assert read_payloads(b'{"a": 1}\n\n[2]\n') == [{"a": 1}, [2]]
    assert read_payloads(b'\xef\xbb\xbf{"a": 1}') == [{"a": 1}]


def test_a_record_of_a_dump_is_read_by_its_value() -> None:
    assert read_payloads(b'{"topic": "t", "key": "k", "headers": {}, "value": {"a": 1}}') == [
        {"a": 1}
    ]


def test_events_are_described_with_their_type() -> None:
    (event,) = describe_translation(Translation(events=(EVENT,)))["events"]
    assert event["type"] == "chatia.message.received.v1"
    assert event["companyId"] == 1
    assert event["timestamp"] == "2026-03-01T00:00:00Z"


def test_one_outcome_is_flat() -> None:
    assert describe_translation(Translation(ignored=(Ignored("call", "it rang"),))) == {
        "ignored": "call",
        "detail": "it rang",
    }
    assert describe_translation(Translation(unreadable=(Unreadable("no"),))) == {
        "ignored": "unreadable-payload",
        "detail": "no",
    }


def test_several_outcomes_are_all_described() -> None:
    mixed = Translation(
        events=(EVENT,), ignored=(Ignored("call"), Ignored("call")), unreadable=(Unreadable("no"),)
    )
    description = describe_translation(mixed)
    assert len(description["events"]) == 1
    assert description["ignored"] == "call"
    assert description["more"] == [{"ignored": "unreadable-payload", "detail": "no"}]
