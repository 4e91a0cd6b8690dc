from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    clean_text,
    join_lines,
    parse_time,
    read_embedded_json,
    read_enum,
    read_text,
)

WRITTEN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1790000000,
        1790000000.0,
        "1790000000",
        "1790000000.25",
        1790000000000,
        "1790000000000",
        1790000000000000,
        {"low": 1790000000, "high": 0, "unsigned": True},
        {"low": -1001362432, "high": 416, "unsigned": False},
        "2026-09-21T14:13:20Z",
        "2026-09-21T11:13:20.000-03:00",
        " 2026-09-21T14:13:20.000000000Z ",
    ],
)
def test_a_time_is_read_in_every_unit_and_form(value: JsonValue) -> None:
    assert parse_time(value) == WRITTEN


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -5,
        "",
        "yesterday",
        "2026-09-21",
        "2026-09-21T14:13:20",
        "2026-02-31T14:13:20Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        [],
        {},
        {"low": "1"},
        float("nan"),
        float("inf"),
        10**30,
        pytest.param(10**5000, id="longer than Python will write"),
    ],
)
def test_a_value_that_is_no_time_is_none(value: JsonValue) -> None:
    assert parse_time(value) is None


def test_text_that_cannot_be_stored_is_cleaned() -> None:
    assert clean_text("a\x00b\ud800c") == "ab?c"


def test_the_first_member_that_is_not_blank_is_read() -> None:
    assert read_text({"a": None, "b": 3, "c": " ", "d": "x"}, "a", "b", "c", "d") == "x"
    assert read_text({}, "a") == ""


@pytest.mark.parametrize("json_text", [None, 7, "", "{", "[1]", "[" * 100_000, " " * 70_000 + "{}"])
def test_json_text_without_an_object_is_read_as_empty(json_text: JsonValue) -> None:
    assert read_embedded_json({"paramsJson": json_text}, "paramsJson") == {}


def test_json_text_in_a_member_is_parsed() -> None:
    assert read_embedded_json({"paramsJson": '{"id": "a"}'}, "paramsJson") == {"id": "a"}


@pytest.mark.parametrize(("value", "name"), [(" READ ", "READ"), (4, "4"), (4.0, "4"), (None, "")])
def test_an_enum_is_read_from_its_name_or_its_number(value: JsonValue, name: str) -> None:
    assert read_enum(value) == name


def test_lines_are_joined_once_each_without_the_empty_ones() -> None:
    assert join_lines(" a ", "", "b", "a", "  ") == "a\nb"
