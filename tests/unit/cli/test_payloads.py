from datetime import UTC, datetime

from shared.cli.payloads import described, read_payloads
from shared.contracts.message import MessageReceived
from shared.gateways.outcome import Ignored, Translation, Unreadable

EVENT = MessageReceived(
    company_id=1, whatsapp_id=2, chat="55", wid="A", timestamp=datetime(2026, 3, 1, tzinfo=UTC)
)


def test_a_file_is_one_document_or_one_a_line() -> None:
    assert read_payloads(b'{\n "a": 1\n}\n') == [{"a": 1}]
    assert read_payloads(b'{"a": 1}\n\n[2]\n') == [{"a": 1}, [2]]
    assert read_payloads(b'\xef\xbb\xbf{"a": 1}') == [{"a": 1}]


def test_a_record_of_a_dump_is_read_by_its_value() -> None:
    assert read_payloads(b'{"topic": "t", "key": "k", "headers": {}, "value": {"a": 1}}') == [
        {"a": 1}
    ]


def test_events_are_told_with_their_type() -> None:
    (event,) = described(Translation(events=(EVENT,)))["events"]
    assert event["type"] == "chatia.message.received.v1"
    assert event["companyId"] == 1
    assert event["timestamp"] == "2026-03-01T00:00:00Z"


def test_one_outcome_is_flat() -> None:
    assert described(Translation(ignored=(Ignored("call", "it rang"),))) == {
        "ignored": "call",
        "detail": "it rang",
    }
    assert described(Translation(unreadable=(Unreadable("no"),))) == {
        "ignored": "unreadable-payload",
        "detail": "no",
    }


def test_several_outcomes_are_all_told() -> None:
    mixed = Translation(
        events=(EVENT,), ignored=(Ignored("call"), Ignored("call")), unreadable=(Unreadable("no"),)
    )
    told = described(mixed)
    assert len(told["events"]) == 1
    assert told["ignored"] == "call"
    assert told["more"] == [{"ignored": "unreadable-payload", "detail": "no"}]
