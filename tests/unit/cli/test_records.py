import json
from datetime import UTC, datetime

import pytest

from shared.cli.errors import InvalidUsageError
from shared.cli.records import Record, build_event_parser, parse_lines, parse_raw_record
from shared.delivery.kafka.outgoing import LARGEST_RECORD

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEND = {"companyId": 7, "campaignId": 1, "number": "5511999990000", "message": "Olá"}


def parse(*lines: bytes, topic: str = "campaign.send") -> list[Record]:
    return list(parse_lines(lines, build_event_parser(topic, "here", AT)))


def build_line(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def test_an_event_gets_its_key_and_its_headers() -> None:
    (record,) = parse(build_line(SEND))
    assert record.key == b"7:5511999990000"
    assert record.value == build_line(SEND)
    headers = dict(record.headers)
    assert headers["ce_type"] == b"chatia.campaign.send.v1"
    assert headers["ce_source"] == b"here"
    assert headers["ce_time"] == b"2026-03-01T12:00:00.000Z"
    assert headers["ce_companyid"] == b"7"


def test_the_same_line_is_the_same_event() -> None:
    first, second, other = parse(
        build_line(SEND), build_line(SEND), build_line(SEND | {"message": "Oi"})
    )
    assert first == second
    assert dict(first.headers)["ce_id"] != dict(other.headers)["ce_id"]


def test_an_envelope_brings_its_own_attributes() -> None:
    envelope = {
        "specversion": "1.0",
        "type": "chatia.message.refused.v1",
        "id": "my-id",
        "source": "there",
        "time": "2025-01-02T03:04:05Z",
        "data": {
            "companyId": 1,
            "whatsappId": 2,
            "chat": "5511999990000",
            "wid": "A",
            "timestamp": "2025-01-02T03:04:05Z",
            "reason": "duplicate",
        },
    }
    (record,) = parse(build_line(envelope), topic="message.stored")
    headers = dict(record.headers)
    assert record.value == json.dumps(envelope["data"], separators=(",", ":")).encode()
    assert record.key == b"1:2:5511999990000"
    assert headers["ce_id"] == b"my-id"
    assert headers["ce_source"] == b"there"
    assert headers["ce_time"] == b"2025-01-02T03:04:05.000Z"


def test_specversion_in_a_text_makes_no_envelope() -> None:
    assert parse(build_line(SEND | {"message": '{"specversion": "1.0"}'}))


def test_empty_lines_are_skipped_but_counted() -> None:
    assert len(parse(b"\n", build_line(SEND) + b"\r\n", b"   \n")) == 1
    with pytest.raises(InvalidUsageError, match=r"^Line 3 "):
        parse(b"\n", build_line(SEND), b"{}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"nothing", "it is not JSON", id="no JSON"),
        pytest.param(b'{"specversion"', "not JSON", id="no JSON, nearly an envelope"),
        pytest.param(b"\xff", "it is not JSON", id="no text"),
        pytest.param(b"[]", "an object is wanted", id="no object"),
        pytest.param(b"{}", "companyId: this member is required", id="a member is missing"),
        pytest.param(
            b'{"specversion":"1.0","type":"chatia.x.v1","data":{}}',
            "no events of the type chatia.x.v1",
            id="a type of another topic",
        ),
        pytest.param(b'{"specversion":"1.0"}', "type: this member is required", id="no type"),
    ],
)
def test_an_invalid_line_is_named_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidUsageError, match=reason) as refused:
        parse(build_line(SEND), content)
    assert str(refused.value).startswith("Line 2 ")


def test_the_content_of_an_invalid_line_is_not_printed() -> None:
    with pytest.raises(InvalidUsageError) as refused:
        parse(build_line(SEND | {"number": "secret words"}))
    assert "secret" not in str(refused.value)


def test_a_topic_of_several_types_asks_for_envelopes() -> None:
    with pytest.raises(InvalidUsageError, match="5 types"):
        parse(build_line(SEND), topic="message.stored")


def test_an_unknown_topic_is_wrong_usage() -> None:
    with pytest.raises(InvalidUsageError, match="nowhere"):
        build_event_parser("nowhere", "here", AT)


def test_a_record_over_the_size_limit_is_refused() -> None:
    with pytest.raises(InvalidUsageError, match="Line 1 is too large"):
        parse(build_line(SEND | {"remark": "x" * LARGEST_RECORD}))


@pytest.mark.parametrize(
    ("dumped", "record"),
    [
        pytest.param(
            {"key": "k", "headers": {"a": "ç", "n": None}, "value": {"x": ["ç", 1]}},
            Record(b"k", '{"x":["ç",1]}'.encode(), (("a", "ç".encode()), ("n", None))),
            id="an object",
        ),
        pytest.param(
            {"key": None, "headers": [["a", "1"], ["a", "2"]], "value": "as is"},
            Record(None, b"as is", (("a", b"1"), ("a", b"2"))),
            id="text and repeated headers",
        ),
        pytest.param({"key": "k", "value": None}, Record(b"k", None, ()), id="a tombstone"),
        pytest.param(
            {"topic": "t", "partition": 3, "offset": 9, "value": 1},
            Record(None, b"1", ()),
            id="what a dump adds",
        ),
    ],
)
def test_a_raw_record_is_parsed_as_it_is(dumped: object, record: Record) -> None:
    assert parse_raw_record(build_line(dumped)) == record


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"x", b'{"key": 1, "value": "x"}', b'{"value": null}']
)
def test_a_raw_line_that_is_no_record_is_named(content: bytes) -> None:
    with pytest.raises(InvalidUsageError, match=r"^Line 1 cannot be read"):
        list(parse_lines([content], parse_raw_record))
